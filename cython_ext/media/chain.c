/* The chain of a recording: link n is SHA-256 of link n-1 and of the octets of second n. A
 * changed, lost or added second breaks every link behind it; the last link, kept elsewhere,
 * vouches for the whole. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "engine.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define DIGEST SHA256_DIGEST_LENGTH
#define LINE 128

static void open_second(hf_chain *chain)
{
    SHA256_Init(&chain->open);
    SHA256_Update(&chain->open, chain->link, DIGEST);
    chain->open_octets = 0;
}

void hf_chain_begin(hf_chain *chain)
{
    memset(chain, 0, sizeof *chain);
    open_second(chain);
}

static int write_line(int fd, const char *line, int size)
{
    /* Opened for appending; a line is short enough to be written whole or not at all. */
    if (fd >= 0 && write(fd, line, (size_t)size) != size)
        return errno ? errno : EIO;
    return 0;
}

static int close_second(hf_chain *chain, int fd, uint32_t paused_ms)
{
    char line[LINE];
    int size, i;
    SHA256_Final(chain->link, &chain->open);
    size = snprintf(line, sizeof line, "%u ", chain->seconds++);
    for (i = 0; i < DIGEST; i++)
        size += snprintf(line + size, sizeof line - (size_t)size, "%02x", chain->link[i]);
    size += snprintf(line + size, sizeof line - (size_t)size, " %u\n", paused_ms);
    open_second(chain);
    return write_line(fd, line, size);
}

int hf_chain_add(hf_chain *chain, int fd, int second, const uint8_t *data, size_t size,
                 uint32_t paused_ms)
{
    int error = 0;
    while (size > 0) {
        size_t part = (size_t)second - chain->open_octets;
        if (part > size)
            part = size;
        SHA256_Update(&chain->open, data, part);
        chain->open_octets += (uint32_t)part;
        data += part;
        size -= part;
        if (chain->open_octets == (uint32_t)second && !error)
            error = close_second(chain, fd, paused_ms);
    }
    return error;
}

int hf_chain_end(hf_chain *chain, int fd, uint32_t paused_ms)
{
    int error = chain->open_octets ? close_second(chain, fd, paused_ms) : 0;
    return error ? error : write_line(fd, "end\n", 4);
}
