// libhdf5 as the system installs it. Version-numbered functions are reached through thin inline wrappers, because Swift
// does not see the macros that pick them.
#ifndef WEIGHBRIDGE_CHDF5_SHIM_H
#define WEIGHBRIDGE_CHDF5_SHIM_H

#include <hdf5.h>

#endif
