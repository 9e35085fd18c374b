"""Counters of the C engine as dictionaries."""

from cython_ext.media._engine cimport *
from cython_ext.media._transport cimport hf_handshakes_cpu


cdef inline dict port_figures(hf_port *port):
    counts, jitter, rtcp = &port.counts, &port.jitter, &port.rtcp
    found = {
        "packets_in": float(counts.packets_in), "packets_out": float(counts.packets_out),
        "lost": float(jitter.lost), "late": float(jitter.late), "bad": float(counts.bad),
        "duplicate": float(jitter.duplicate), "dropped": float(jitter.dropped),
        "resyncs": float(jitter.resyncs), "slips": float(jitter.slips),
        "foreign": float(counts.foreign),
        "ssrc_changes": float(counts.ssrc_changes),
        "other_keys": float(counts.other_keys), "not_sent": float(counts.not_sent),
        "underruns": float(counts.underruns), "overruns": float(counts.overruns),
        "forged": float(counts.forged), "replayed": float(counts.replayed),
        "delay_ms": jitter.target / 8.0, "expected": float(hf_rtcp_expected(rtcp)),
        "lost_on_way": float(hf_rtcp_lost(rtcp)), "jitter_ms": rtcp.jitter / 128.0 / hf_codec_clock(port.law),
        "reports_in": float(rtcp.reports_in), "reports_out": float(rtcp.reports_out),
        "bad_reports": float(rtcp.bad),
    }
    if rtcp.has_far:
        found["far_lost"] = float(rtcp.far_lost)
        found["far_jitter_ms"] = rtcp.far_jitter / 8.0 / hf_codec_clock(port.law)
    if rtcp.has_round_trip:
        found["round_trip_ms"] = rtcp.round_trip_us / 1e3
    return found


cdef inline dict engine_figures(hf_engine *engine):
    cdef hf_engine_counts *counts = &engine.counts
    cdef int phase
    lost = (engine.events.overflow + engine.file_events.overflow +
            engine.transport_events.overflow)
    found = {
        "ports": float(counts.ports), "ticks": float(counts.ticks),
        "late_ticks": float(counts.late_ticks), "skipped_ticks": float(counts.skipped_ticks),
        "worst_late_us": counts.worst_late_ns / 1e3, "busy_s": counts.busy_ns / 1e9,
        "worst_phase_us": counts.worst_phase_ns / 1e3, "load": counts.load_ppm / 1e6,
        "events_lost": float(lost), "cpu_s": hf_engine_cpu(engine),
        "files_cpu_s": hf_engine_files_cpu(engine),
        "handshakes_cpu_s": hf_handshakes_cpu(engine),
    }
    for phase in range(HF_PHASES):
        ticks = max(<double>counts.phase_ticks[phase], 1.0)
        found[f"phase{phase}_us"] = counts.phase_ns[phase] / 1e3 / ticks
        found[f"phase{phase}_worst_us"] = counts.phase_worst_ns[phase] / 1e3
    return found
