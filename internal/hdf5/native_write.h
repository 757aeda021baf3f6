// What writing needs of the library beside gonum.org/v1/hdf5. All but mdm_pack is called on the library's thread.
#ifndef MILVUSDM_HDF5_NATIVE_WRITE_H
#define MILVUSDM_HDF5_NATIVE_WRITE_H

#include <hdf5.h>
#include <stddef.h>
#include <stdint.h>

// Types, which the caller closes: h5py's boolean, a UTF-8 string of variable length, a sequence of a type.
hid_t mdm_bool_type(void);
hid_t mdm_text_type(void);
hid_t mdm_sequence_type(hid_t element);

// mdm_packing says what is done with chunks, in this order.
typedef struct {
	int shuffle, gzip /* level, or 0 */, fletcher32;
} mdm_packing;

// mdm_create_dataset makes an empty dataset that grows, of rows of width elements (0: of one element, in one dimension), and
// the groups on its path. No time is recorded: the same content gives the same file.
hid_t mdm_create_dataset(hid_t file, const char *path, hid_t type, hsize_t width, hsize_t chunk_rows, const mdm_packing *packing);

// mdm_pack packs a chunk of elements as the library would: into *out, of at least mdm_packed_bound bytes. It returns the
// number of bytes, 0 on failure, and may run on any thread.
size_t mdm_pack(const mdm_packing *packing, size_t element, const unsigned char *chunk, size_t n, unsigned char *out, size_t cap);
size_t mdm_packed_bound(size_t n);

// mdm_write_chunk writes a packed chunk that begins at a row, and has the dataset end at another. width is that of
// mdm_create_dataset.
herr_t mdm_write_chunk(hid_t dataset, hsize_t width, hsize_t row, hsize_t end, const void *packed, size_t n);

// mdm_write_variable writes n values of variable length from a row on: the values' bytes lie end to end, and are of counts[i]
// elements each. Whatever bytes a text has, they are written, though readers of strings stop at a NUL.
herr_t mdm_write_variable(hid_t dataset, hid_t element, hsize_t row, size_t n, const uint64_t *counts, const unsigned char *bytes);

// mdm_write_text gives an object an attribute, a UTF-8 string of variable length.
herr_t mdm_write_text(hid_t object, const char *name, const char *text);

#endif
