#ifndef WEIGHBRIDGE_CZLIB_SHIM_H
#define WEIGHBRIDGE_CZLIB_SHIM_H

#include <zlib.h>

#endif
