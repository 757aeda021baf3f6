// What gonum.org/v1/hdf5 lacks, as functions over the ids it hands out. All are called on the library's thread.
#ifndef MILVUSDM_HDF5_NATIVE_H
#define MILVUSDM_HDF5_NATIVE_H

#include <hdf5.h>
#include <stddef.h>

// mdm_small_float makes a little-endian 16-bit float type of the given exponent and mantissa widths; the caller closes it.
hid_t mdm_small_float(size_t exponent, size_t mantissa);

// mdm_same_but_order says whether two types are equal except for their byte order.
int mdm_same_but_order(hid_t a, hid_t b);

// mdm_is_bool says whether a type is h5py's or PyTables' boolean: one byte, FALSE is 0 and TRUE is 1.
int mdm_is_bool(hid_t type);

// How a dataset lies in its file.
#define MDM_MAX_FILTERS 16
#define MDM_MAX_RANK 2
typedef struct {
	H5D_layout_t layout;
	hsize_t size;                // bytes that are allocated for it
	hsize_t chunk[MDM_MAX_RANK]; // of a chunked one
	hsize_t chunks;              // how many chunks have been written
	int external;                // how many other files hold its data
	int filters;
	int filter_id[MDM_MAX_FILTERS];
	int filter_available[MDM_MAX_FILTERS];
	char filter_name[MDM_MAX_FILTERS][64];
} mdm_storage;

// mdm_get_storage describes a dataset. Of a virtual one, and of one in other files, it says only that; chunks are left 0
// unless there are at most MDM_MAX_RANK dimensions and all filters are available.
herr_t mdm_get_storage(hid_t dataset, mdm_storage *s);

// mdm_attribute_string reads a string attribute of at most cap-1 bytes into out. It returns 0, 1 when there is no such
// string, or a negative number.
int mdm_attribute_string(hid_t object, const char *name, char *out, size_t cap);

// mdm_error returns the thread's last error as "outer: inner: innermost", to be freed, or NULL.
char *mdm_error(void);

// mdm_deny_external makes opening through an external link fail for accesses with this list.
herr_t mdm_deny_external(hid_t access_list);

// An arena takes the variable-length values of one read: bounded, and freed as a whole.
typedef struct {
	size_t cap, used;
	int full;
	char bytes[];
} mdm_arena;

// mdm_read_strings reads variable-length strings: out gets pointers into the arena, NULL for an empty one.
// When the arena does not hold them all it fails with arena->full set.
herr_t mdm_read_strings(hid_t dataset, hid_t type, hid_t memspace, hid_t filespace, char **out, mdm_arena *arena);

#endif
