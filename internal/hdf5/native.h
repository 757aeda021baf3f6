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

// MDM_REFERENCE_SIZE is what a variable-length value takes in place: length, address and index in the heap there.
#define MDM_REFERENCE_SIZE 16

// How a dataset lies in its file.
#define MDM_MAX_FILTERS 16
#define MDM_MAX_RANK 2
typedef struct {
	H5D_layout_t layout;
	hsize_t size;                // bytes that are allocated for it
	hsize_t chunk[MDM_MAX_RANK]; // of a chunked one
	hsize_t chunks;              // how many chunks have been written
	hsize_t odd_chunks;          // how many are stored in a size that they can't have; chunks that are inflated not counted
	int external;                // how many other files hold its data
	int filters;
	int filter_id[MDM_MAX_FILTERS];
	int filter_available[MDM_MAX_FILTERS];
	char filter_name[MDM_MAX_FILTERS][64];
} mdm_storage;

// mdm_limit_inflate sets how many bytes a chunk must have that is inflated from now on. The library's own filter takes
// what comes: less is then read past its end.
herr_t mdm_limit_inflate(size_t chunk);

// mdm_get_storage describes a dataset of elements of that size. Of a virtual one, and of one in other files, it says only that; chunks are left 0
// unless there are at most MDM_MAX_RANK dimensions and all filters are available.
herr_t mdm_get_storage(hid_t dataset, size_t element, mdm_storage *s);

// mdm_reference_type makes the memory type for reading where variable-length values lie: 16 opaque bytes, taken over from
// the file. The caller closes it. The library's own way from there to the values is not safe with corrupt files.
hid_t mdm_reference_type(void);

// mdm_attribute_string reads a string attribute into out, of at most cap-1 bytes, or the reference to one of variable
// length. It returns the kind of what was read, or a negative number.
enum { MDM_NO_STRING, MDM_STRING, MDM_REFERENCE };
int mdm_attribute_string(hid_t object, const char *name, char *out, size_t cap);

// What a member of a group is.
enum { MDM_ABSENT, MDM_GROUP, MDM_DATASET, MDM_SOFT_LINK, MDM_EXTERNAL_LINK, MDM_OTHER };

// mdm_list lists a group in one pass: for each member a byte that says what it is, its name and a NUL, to be freed. It
// stops behind most members and one; count is how many there are in the list.
herr_t mdm_list(hid_t group, hsize_t most, char **list, size_t *length, hsize_t *count);

// mdm_kind says what the member of that name is. It returns a negative number when the group can't be read.
int mdm_kind(hid_t group, const char *name);

// mdm_object_key writes 16 bytes that tell an object from all others of its file.
herr_t mdm_object_key(hid_t object, unsigned char *key);

// mdm_first_missing finds the first of a dataset's rows that lies in a chunk which was never written. Rows are its
// dimension axis, 0 or 1; the row is the dimension's extent when all chunks were written.
herr_t mdm_first_missing(hid_t dataset, int axis, hsize_t *row);

// mdm_error returns the thread's last error as "outer: inner: innermost", to be freed, or NULL.
char *mdm_error(void);

// mdm_deny_external makes opening through an external link fail for accesses with this list.
herr_t mdm_deny_external(hid_t access_list);

#endif
