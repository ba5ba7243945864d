// libhdf5 as the system installs it (1.10.5 and later). What the library offers as macros only, or under names that
// changed between 1.10 and 1.14, is reached through inline functions, because Swift does not see macros with
// expressions.
#ifndef WEIGHBRIDGE_CHDF5_SHIM_H
#define WEIGHBRIDGE_CHDF5_SHIM_H

#include <hdf5.h>
#include <stdlib.h>
#include <string.h>

// MARK: Errors

typedef struct {
  H5E_auto2_t print;
  void *context;
} weighbridge_hdf5_printing;

// Keeps the library from printing its errors, and returns what it did before. Where it is built for threads, as Debian's is,
// each thread has a setting of its own.
static inline weighbridge_hdf5_printing weighbridge_hdf5_be_silent(void) {
  weighbridge_hdf5_printing printing = {NULL, NULL};
  H5Eget_auto2(H5E_DEFAULT, &printing.print, &printing.context);
  H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
  return printing;
}
static inline void weighbridge_hdf5_print_again(weighbridge_hdf5_printing printing) {
  H5Eset_auto2(H5E_DEFAULT, printing.print, printing.context);
}

typedef struct {
  char outermost[256];
  char innermost[256];
} weighbridge_hdf5_error;

static inline herr_t weighbridge_hdf5_collect_error(unsigned n, const H5E_error2_t *error, void *context) {
  weighbridge_hdf5_error *text = (weighbridge_hdf5_error *)context;
  const char *description = error->desc ? error->desc : "";
  if (n == 0) strncpy(text->outermost, description, sizeof text->outermost - 1);
  strncpy(text->innermost, description, sizeof text->innermost - 1);
  return 0;
}

// The library's words for what went wrong last, then forgotten.
static inline void weighbridge_hdf5_take_error(weighbridge_hdf5_error *text) {
  memset(text, 0, sizeof *text);
  H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, weighbridge_hdf5_collect_error, text);
  H5Eclear2(H5E_DEFAULT);
}

// What the library says of its last failure is forgotten with the next call, that which closes something included. The
// failure to be put back after such a call; negative if there is none.
static inline hid_t weighbridge_hdf5_pending_error(void) {
  return H5Eget_num(H5E_DEFAULT) > 0 ? H5Eget_current_stack() : -1;
}
static inline void weighbridge_hdf5_put_back_error(hid_t pending) {
  if (pending >= 0) H5Eset_current_stack(pending);
}

// MARK: Property lists

static inline hid_t weighbridge_hdf5_file_access(void) {
  hid_t list = H5Pcreate(H5P_FILE_ACCESS);
  if (list < 0) return list;
  // Whatever driver or connector the environment names: a file is a file.
  H5Pset_fapl_sec2(list);
#if H5_VERSION_GE(1, 12, 0)
  H5Pset_vol(list, H5VL_NATIVE, NULL);
#endif
  H5Pset_fclose_degree(list, H5F_CLOSE_STRONG);
#if H5_VERSION_GE(1, 12, 1) || (H5_VERS_MINOR == 10 && H5_VERS_RELEASE >= 7)
  // Locks fail on read-only and network file systems, and nothing here writes what another process reads.
  H5Pset_file_locking(list, 0, 1);
#endif
  return list;
}

static inline hid_t weighbridge_hdf5_file_creation(void) { return H5Pcreate(H5P_FILE_CREATE); }
static inline hid_t weighbridge_hdf5_dataset_creation(void) { return H5Pcreate(H5P_DATASET_CREATE); }
static inline hid_t weighbridge_hdf5_group_creation(void) { return H5Pcreate(H5P_GROUP_CREATE); }
static inline hid_t weighbridge_hdf5_link_creation(void) { return H5Pcreate(H5P_LINK_CREATE); }
static inline hid_t weighbridge_hdf5_default_properties(void) { return H5P_DEFAULT; }

// True if an address is the "nowhere" of the format.
static inline int weighbridge_hdf5_is_undefined(haddr_t address) { return address == HADDR_UNDEF; }

// MARK: Types

// A string type of a length, or of variable length.
static inline hid_t weighbridge_hdf5_string(size_t size, H5T_str_t padding, H5T_cset_t set) {
  hid_t copy = H5Tcopy(H5T_C_S1);
  if (copy < 0) return copy;
  H5Tset_size(copy, size);
  H5Tset_strpad(copy, padding);
  H5Tset_cset(copy, set);
  return copy;
}
static inline hid_t weighbridge_hdf5_variable_length_string(H5T_cset_t set) {
  hid_t copy = H5Tcopy(H5T_C_S1);
  if (copy < 0) return copy;
  H5Tset_size(copy, H5T_VARIABLE);
  H5Tset_cset(copy, set);
  return copy;
}

// A copy of a little-endian standard integer type.
static inline hid_t weighbridge_hdf5_integer(int size, int is_signed) {
  switch (size) {
    case 1: return H5Tcopy(is_signed ? H5T_STD_I8LE : H5T_STD_U8LE);
    case 2: return H5Tcopy(is_signed ? H5T_STD_I16LE : H5T_STD_U16LE);
    case 4: return H5Tcopy(is_signed ? H5T_STD_I32LE : H5T_STD_U32LE);
    case 8: return H5Tcopy(is_signed ? H5T_STD_I64LE : H5T_STD_U64LE);
    default: return -1;
  }
}

// bfloat16, little-endian, as a number.
static inline hid_t weighbridge_hdf5_bfloat16(void) {
  hid_t copy = H5Tcopy(H5T_IEEE_F32LE);
  if (copy < 0) return copy;
  H5Tset_fields(copy, 15, 7, 8, 0, 7);
  H5Tset_size(copy, 2);
  return copy;
}

// A copy of a little-endian IEEE 754 type of 2, 4 or 8 bytes.
static inline hid_t weighbridge_hdf5_float(int size) {
  if (size == 8) return H5Tcopy(H5T_IEEE_F64LE);
  hid_t copy = H5Tcopy(H5T_IEEE_F32LE);
  if (copy < 0 || size == 4) return copy;
  // As h5py describes binary16.
  H5Tset_fields(copy, 15, 10, 5, 0, 10);
  H5Tset_size(copy, 2);
  H5Tset_ebias(copy, 15);
  return copy;
}

#endif
