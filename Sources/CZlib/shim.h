// zlib as the system installs it, and the initialisers that zlib offers as macros only, which Swift does not see.
#ifndef WEIGHBRIDGE_CZLIB_SHIM_H
#define WEIGHBRIDGE_CZLIB_SHIM_H

#include <zlib.h>

// Prepares to inflate. `window_bits` is 15 for a zlib stream and -15 for a bare deflate stream.
static inline int weighbridge_inflate_init(z_stream *stream, int window_bits) {
  return inflateInit2(stream, window_bits);
}

#endif
