// libhdf5 as the system installs it (1.10.5 and later), to hold the package's own reader and writer against: the product
// itself does without. What the library offers as macros only, or under names that changed between 1.10 and 1.14, is reached
// through inline functions, because Swift does not see macros with expressions.
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

// MARK: Start

// Closes every way out of the file that is being read: plug-ins, external links, and the variables that redirect files.
// To be called once, before anything else of the library.
static inline int weighbridge_hdf5_close_ways_out(void) {
  static const char *const variables[] = {
      "HDF5_DRIVER",     "HDF5_DRIVER_CONFIG", "HDF5_VOL_CONNECTOR",  "HDF5_PLUGIN_PATH",
      "HDF5_VDS_PREFIX", "HDF5_EXTFILE_PREFIX", "HDF5_PLUGIN_PRELOAD"};
  for (size_t index = 0; index < sizeof variables / sizeof *variables; index++) unsetenv(variables[index]);
  // Every file is closed where it was opened. What the library does at exit besides that is to stumble over files whose
  // opening failed half-way.
  H5dont_atexit();
  if (H5open() < 0) return -1;
  if (H5PLset_loading_state(0) < 0) return -1;
  if (H5Lis_registered(H5L_TYPE_EXTERNAL) > 0 && H5Lunregister(H5L_TYPE_EXTERNAL) < 0) return -1;
  return 0;
}

// Forgets a failure that is none.
static inline void weighbridge_hdf5_forget_error(void) { H5Eclear2(H5E_DEFAULT); }

// MARK: Files

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

// True if an address is the "nowhere" of the format.
static inline int weighbridge_hdf5_is_undefined(haddr_t address) { return address == HADDR_UNDEF; }

// MARK: Objects

// The kind of an open object, a number that no other object of the file has, and how many attributes it has.
static inline int weighbridge_hdf5_object(hid_t object, int *type, uint64_t *address, uint64_t *attributes) {
#if H5_VERSION_GE(1, 12, 0)
  H5O_info2_t information;
  if (H5Oget_info3(object, &information, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS) < 0) return -1;
  memcpy(address, &information.token, sizeof *address);
#else
  H5O_info_t information;
  if (H5Oget_info2(object, &information, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS) < 0) return -1;
  *address = information.addr;
#endif
  *type = (int)information.type;
  *attributes = information.num_attrs;
  return 0;
}

// `address` is that of the object a hard link leads to, as `weighbridge_hdf5_object` gives it.
typedef int (*weighbridge_hdf5_link_visitor)(const char *name, int type, uint64_t address, void *context);

typedef struct {
  weighbridge_hdf5_link_visitor visit;
  void *context;
} weighbridge_hdf5_link_visit;

static inline herr_t weighbridge_hdf5_visit_link(hid_t group, const char *name, const H5L_info_t *information,
                                                 void *context) {
  (void)group;
  weighbridge_hdf5_link_visit *visit = (weighbridge_hdf5_link_visit *)context;
  uint64_t address = 0;
  if (information->type == H5L_TYPE_HARD) {
#if H5_VERSION_GE(1, 12, 0)
    memcpy(&address, &information->u.token, sizeof address);
#else
    address = information->u.address;
#endif
  }
  return visit->visit(name, (int)information->type, address, visit->context);
}

// Calls `visit` with every link of a group in the order in which they are stored, until it returns non-zero. Any other
// order makes the library build a table first, which is where most damaged files hurt it.
static inline int weighbridge_hdf5_visit_links(hid_t group, weighbridge_hdf5_link_visitor visit, void *context) {
  weighbridge_hdf5_link_visit pair = {visit, context};
  hsize_t index = 0;
  return H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, &index, weighbridge_hdf5_visit_link, &pair);
}

// The number of bytes of a soft or external link's value, or -1.
static inline int64_t weighbridge_hdf5_link_value_size(hid_t group, const char *name) {
  H5L_info_t information;
  if (H5Lget_info(group, name, &information, H5P_DEFAULT) < 0) return -1;
  return (int64_t)information.u.val_size;
}

typedef int (*weighbridge_hdf5_name_visitor)(const char *name, void *context);

typedef struct {
  weighbridge_hdf5_name_visitor visit;
  void *context;
} weighbridge_hdf5_name_visit;

static inline herr_t weighbridge_hdf5_visit_attribute(hid_t object, const char *name, const H5A_info_t *information,
                                                      void *context) {
  (void)object;
  (void)information;
  weighbridge_hdf5_name_visit *visit = (weighbridge_hdf5_name_visit *)context;
  return visit->visit(name, visit->context);
}

// Calls `visit` with the name of every attribute of an object, in the order in which they are stored.
static inline int weighbridge_hdf5_visit_attributes(hid_t object, weighbridge_hdf5_name_visitor visit, void *context) {
  weighbridge_hdf5_name_visit pair = {visit, context};
  hsize_t index = 0;
  return H5Aiterate2(object, H5_INDEX_NAME, H5_ITER_NATIVE, &index, weighbridge_hdf5_visit_attribute, &pair);
}

// MARK: Chunks

typedef int (*weighbridge_hdf5_chunk_visitor)(const hsize_t *offset, unsigned filter_mask, haddr_t address,
                                              hsize_t size, void *context);

typedef struct {
  weighbridge_hdf5_chunk_visitor visit;
  void *context;
} weighbridge_hdf5_chunk_visit;

#if H5_VERSION_GE(1, 14, 0)
static inline int weighbridge_hdf5_visit_chunk(const hsize_t *offset, unsigned filter_mask, haddr_t address,
                                               hsize_t size, void *context) {
  weighbridge_hdf5_chunk_visit *visit = (weighbridge_hdf5_chunk_visit *)context;
  return visit->visit(offset, filter_mask, address, size, visit->context);
}
#endif

// Calls `visit` with every chunk that is stored, until it returns non-zero. `count` is what H5Dget_num_chunks says.
static inline int weighbridge_hdf5_visit_chunks(hid_t dataset, uint64_t count, weighbridge_hdf5_chunk_visitor visit,
                                                void *context) {
#if H5_VERSION_GE(1, 14, 0)
  (void)count;
  weighbridge_hdf5_chunk_visit pair = {visit, context};
  return H5Dchunk_iter(dataset, H5P_DEFAULT, weighbridge_hdf5_visit_chunk, &pair);
#else
  // Each call walks the index from its beginning: quadratic, but 1.10 has nothing better.
  hid_t space = H5Dget_space(dataset);
  if (space < 0) return -1;
  int result = 0;
  for (uint64_t index = 0; index < count && result == 0; index++) {
    hsize_t offset[H5S_MAX_RANK + 1];
    unsigned filter_mask = 0;
    haddr_t address = HADDR_UNDEF;
    hsize_t size = 0;
    if (H5Dget_chunk_info(dataset, space, index, offset, &filter_mask, &address, &size) < 0)
      result = -1;
    else
      result = visit(offset, filter_mask, address, size, context);
  }
  hid_t pending = weighbridge_hdf5_pending_error();
  H5Sclose(space);
  weighbridge_hdf5_put_back_error(pending);
  return result;
#endif
}

static inline int weighbridge_hdf5_chunk_count(hid_t dataset, uint64_t *count) {
  hsize_t found = 0;
  hid_t space = H5Dget_space(dataset);
  if (space < 0) return -1;
  int result = H5Dget_num_chunks(dataset, space, &found);
  hid_t pending = weighbridge_hdf5_pending_error();
  H5Sclose(space);
  weighbridge_hdf5_put_back_error(pending);
  *count = found;
  return result;
}

// The most chunks that can be listed in bearable time: 10,000 take one to five seconds with 1.10.8.
static inline uint64_t weighbridge_hdf5_most_chunks(void) {
#if H5_VERSION_GE(1, 14, 0)
  return UINT64_MAX;
#else
  return 30000;
#endif
}

// The address that the library gives of the one chunk in a file in memory with a user block of `size` bytes.
static inline haddr_t weighbridge_hdf5_probe_chunk(hsize_t size) {
  hsize_t extent = 8, origin[2], bytes;
  unsigned mask;
  haddr_t address = HADDR_UNDEF;
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), creation = H5Pcreate(H5P_FILE_CREATE);
  hid_t layout = H5Pcreate(H5P_DATASET_CREATE), space = H5Screate_simple(1, &extent, NULL);
  H5Pset_fapl_core(access, 4096, 0);
  H5Pset_userblock(creation, size);
  H5Pset_chunk(layout, 1, &extent);
  H5Pset_alloc_time(layout, H5D_ALLOC_TIME_EARLY);
  hid_t file = H5Fcreate("weighbridge-probe", H5F_ACC_TRUNC, creation, access);
  hid_t dataset = H5Dcreate2(file, "x", H5T_STD_U8LE, space, H5P_DEFAULT, layout, H5P_DEFAULT);
  H5Dget_chunk_info(dataset, space, 0, origin, &mask, &address, &bytes);
  H5Dclose(dataset);
  H5Fclose(file);
  H5Sclose(space);
  H5Pclose(layout);
  H5Pclose(creation);
  H5Pclose(access);
  return address;
}

// True if chunk addresses count from the start of the file; false if a user block has to be added (1.10).
static inline int weighbridge_hdf5_chunk_addresses_are_absolute(void) {
  return weighbridge_hdf5_probe_chunk(512) != weighbridge_hdf5_probe_chunk(0);
}
// True if a data set's chunks are indexed by an extensible array.
static inline int weighbridge_hdf5_has_extensible_array(hid_t dataset) {
  H5D_chunk_index_t type = H5D_CHUNK_IDX_BTREE;
  return H5Dget_chunk_index_type(dataset, &type) >= 0 && type == H5D_CHUNK_IDX_EARRAY;
}

// True if the library counts up the origins of the chunks in an extensible array as if the array's first axis were the
// unlimited one, whichever it is. A file in memory tells: two by two chunks, the second axis unlimited.
static inline int weighbridge_hdf5_miscounts_extensible_arrays(void) {
  hsize_t extents[2] = {2, 2}, most[2] = {2, H5S_UNLIMITED}, chunk[2] = {1, 1}, origin[3], bytes;
  haddr_t address;
  unsigned mask;
  int outside = 0;
  hid_t access = H5Pcreate(H5P_FILE_ACCESS), layout = H5Pcreate(H5P_DATASET_CREATE);
  hid_t space = H5Screate_simple(2, extents, most);
  H5Pset_fapl_core(access, 4096, 0);
  H5Pset_libver_bounds(access, H5F_LIBVER_LATEST, H5F_LIBVER_LATEST);
  H5Pset_chunk(layout, 2, chunk);
  H5Pset_alloc_time(layout, H5D_ALLOC_TIME_EARLY);
  hid_t file = H5Fcreate("weighbridge-probe", H5F_ACC_TRUNC, H5P_DEFAULT, access);
  hid_t dataset = H5Dcreate2(file, "x", H5T_STD_U8LE, space, H5P_DEFAULT, layout, H5P_DEFAULT);
  for (hsize_t index = 0; index < 4; index++) {
    if (H5Dget_chunk_info(dataset, space, index, origin, &mask, &address, &bytes) < 0) break;
    if (origin[0] >= 2 || origin[1] >= 2) outside = 1;
  }
  H5Dclose(dataset);
  H5Fclose(file);
  H5Sclose(space);
  H5Pclose(layout);
  H5Pclose(access);
  return outside;
}

static inline int weighbridge_hdf5_read_all(hid_t dataset, hid_t type, void *buffer) {
  return H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, buffer);
}

// MARK: Types

// A string type of variable length.
static inline hid_t weighbridge_hdf5_variable_length_string(H5T_cset_t set) {
  hid_t copy = H5Tcopy(H5T_C_S1);
  if (copy < 0) return copy;
  H5Tset_size(copy, H5T_VARIABLE);
  H5Tset_cset(copy, set);
  return copy;
}

static inline int weighbridge_hdf5_is_variable_length_string(hid_t type) { return H5Tis_variable_str(type) > 0; }

// Frees what H5Aread allocated for variable-length strings.
static inline void weighbridge_hdf5_reclaim(hid_t type, hid_t space, void *buffer) {
#if H5_VERSION_GE(1, 12, 0)
  H5Treclaim(type, space, H5P_DEFAULT, buffer);
#else
  H5Dvlen_reclaim(type, space, H5P_DEFAULT, buffer);
#endif
}

#endif
