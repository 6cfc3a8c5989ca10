#include <zlib.h>

// deflateInit2 and inflateInit2 are macros. Raw streams (negative window bits) are what ostree stores.
static inline int hostctl_deflate_init(z_stream *stream, int level) {
    return deflateInit2(stream, level, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY);
}
static inline int hostctl_inflate_init(z_stream *stream) { return inflateInit2(stream, -MAX_WBITS); }
// With gzip's header and trailer, whose checksum and length are compared.
static inline int hostctl_gunzip_init(z_stream *stream) { return inflateInit2(stream, MAX_WBITS + 16); }
