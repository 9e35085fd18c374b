"""Flows for tests of control, as an administrator would write them."""

from daemon.control.flows.active import ActiveFlow, ActiveFlows
from ivr.flow import load_flow

MAIN = """\
version: 1
languages: [en]
title: Main menu
start: menu
nodes:
  menu:
    kind: menu
    say: Sales is one and a message is two
    timeout_s: 5
    retries: 1
    no_input: Are you there
    into: choice
    choices:
      - {key: 1, phrases: {en: [sales]}, value: sales, next: sales}
      - {key: 2, value: message, next: mailbox}
      - {key: 3, value: account, next: account}
      - {key: 4, value: transfer, next: outside}
    failed: goodbye
  account:
    kind: collect
    say: Your number and hash
    min: 4
    max: 6
    into: account
    next: sales
    failed: goodbye
  sales:
    kind: enter_queue
    queue: sales
    keys: {"9": mailbox}
    timed_out: busy
    refused: full
    next: thanks
  outside:
    kind: transfer
    to: "5559000"
    next: goodbye
    failed: busy
  mailbox:
    kind: record
    mailbox: "2001"
    say: Speak after the tone
    next: goodbye
  busy: {kind: announce, say: All are busy, next: goodbye}
  full: {kind: announce, say: The queue is full, next: goodbye}
  thanks: {kind: announce, say: Thank you, next: goodbye}
  goodbye: {kind: hang_up}
"""

NIGHT = """\
version: 1
languages: [en]
title: Closed
start: closed
nodes:
  closed: {kind: announce, say: We are closed, next: end}
  end: {kind: hang_up}
"""

OVERFLOW = """\
version: 1
languages: [en]
title: After the queue
start: sorry
nodes:
  sorry: {kind: announce, say: Please leave a message, next: message}
  message: {kind: record, mailbox: "2001", next: end}
  end: {kind: hang_up}
"""

PATIENT = """\
version: 1
languages: [en]
title: Announcements while waiting
start: queue
nodes:
  queue:
    kind: enter_queue
    queue: sales
    waiting: You are still waiting
    repeat_s: 20
    timed_out: end
  end: {kind: hang_up}
"""

SURVEY = """\
version: 1
languages: [en]
title: A question after the call
start: queue
nodes:
  queue: {kind: enter_queue, queue: sales, timed_out: end, next: question}
  question: {kind: collect, say: How was it, max: 1, into: grade, next: end, failed: end}
  end: {kind: hang_up}
"""

PLACE = """\
version: 1
languages: [en, zh]
title: A place that is kept
start: queue
nodes:
  queue:
    kind: enter_queue
    queue: sales
    timed_out: end
    callback: {key: "5", next: kept}
  kept: {kind: announce, say: {en: We will call you, zh: 我们会给您回电}, next: end}
  end: {kind: hang_up}
"""

FAXES = """\
version: 1
languages: [en]
title: The fax number
start: fax
nodes:
  fax: {kind: fax, mailbox: "2001", station: "5557000", received: thanks, failed: sorry}
  thanks: {kind: announce, say: "Got {fax_pages} pages", next: end}
  sorry: {kind: announce, say: "Fax failed, {fax_error}", next: end}
  end: {kind: hang_up}
"""

MAILBOX = """\
version: 1
languages: [en, zh]
title: Messages by telephone
start: messages
nodes:
  messages: {kind: messages, next: end, refused: sorry}
  sorry: {kind: announce, say: {en: "No, {mailbox_error}", zh: "不，{mailbox_error}"}, next: end}
  end: {kind: hang_up}
"""

TEXTS = {
    "main": MAIN,
    "night": NIGHT,
    "overflow": OVERFLOW,
    "patient": PATIENT,
    "survey": SURVEY,
    "place": PLACE,
    "faxes": FAXES,
    "mailbox": MAILBOX,
}


def active_flows() -> ActiveFlows:
    """All of them, active."""
    return ActiveFlows(ActiveFlow(load_flow(text, name), 1, text) for name, text in TEXTS.items())
