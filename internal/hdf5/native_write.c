#include "native_write.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

// What is closed after a failure would have the library forget the failure: so it is put away, and back.
static hid_t failure(void) { return H5Eget_current_stack(); }
static void fail_again(hid_t failure) {
	if (failure >= 0) H5Eset_current_stack(failure);
}

hid_t mdm_bool_type(void) {
	hid_t t = H5Tenum_create(H5T_STD_I8LE);
	const signed char no = 0, yes = 1;
	if (t >= 0 && (H5Tenum_insert(t, "FALSE", &no) < 0 || H5Tenum_insert(t, "TRUE", &yes) < 0)) {
		H5Tclose(t);
		return -1;
	}
	return t;
}

hid_t mdm_text_type(void) {
	hid_t t = H5Tcopy(H5T_C_S1);
	if (t >= 0 && (H5Tset_size(t, H5T_VARIABLE) < 0 || H5Tset_cset(t, H5T_CSET_UTF8) < 0)) {
		H5Tclose(t);
		return -1;
	}
	return t;
}

hid_t mdm_sequence_type(hid_t element) { return H5Tvlen_create(element); }

static hid_t new_storage(int rank, const hsize_t *chunk, const mdm_packing *p) {
	hid_t create = H5Pcreate(H5P_DATASET_CREATE);
	if (create < 0) return create;
	if (H5Pset_chunk(create, rank, chunk) < 0 || H5Pset_obj_track_times(create, 0) < 0 || (p->shuffle && H5Pset_shuffle(create) < 0) ||
	    (p->gzip && H5Pset_deflate(create, (unsigned)p->gzip) < 0) || (p->fletcher32 && H5Pset_fletcher32(create) < 0)) {
		H5Pclose(create);
		return -1;
	}
	return create;
}

hid_t mdm_create_dataset(hid_t file, const char *path, hid_t type, hsize_t width, hsize_t chunk_rows, const mdm_packing *packing) {
	int rank = width ? 2 : 1;
	hsize_t none[2] = {0, width}, most[2] = {H5S_UNLIMITED, width}, chunk[2] = {chunk_rows, width};
	hid_t dataset = -1, space = H5Screate_simple(rank, none, most), create = new_storage(rank, chunk, packing), link = H5Pcreate(H5P_LINK_CREATE);
	if (space >= 0 && create >= 0 && link >= 0 && H5Pset_create_intermediate_group(link, 1) >= 0)
		dataset = H5Dcreate2(file, path, type, space, link, create, H5P_DEFAULT);
	hid_t why = failure();
	if (link >= 0) H5Pclose(link);
	if (create >= 0) H5Pclose(create);
	if (space >= 0) H5Sclose(space);
	fail_again(why);
	return dataset;
}

// shuffle puts the first bytes of all elements first, then the second ones, and so on; what is no whole element stays last.
static void shuffle(unsigned char *to, const unsigned char *from, size_t n, size_t element) {
	size_t count = n / element;
	for (size_t b = 0; b < element; b++)
		for (size_t i = 0; i < count; i++) *to++ = from[i * element + b];
	memcpy(to, from + count * element, n - count * element);
}

// fletcher32 is the sum that the library's filter of that name appends: over big-endian 16-bit words.
static uint32_t fletcher32(const unsigned char *data, size_t n) {
	uint32_t a = 0, b = 0;
	size_t words = n / 2;
	while (words) {
		size_t block = words > 360 ? 360 : words; // the sums don't overflow
		words -= block;
		for (; block; block--, data += 2) {
			a += (uint32_t)data[0] << 8 | data[1];
			b += a;
		}
		a = (a & 0xffff) + (a >> 16);
		b = (b & 0xffff) + (b >> 16);
	}
	if (n % 2) {
		a += (uint32_t)data[0] << 8;
		b += a;
		a = (a & 0xffff) + (a >> 16);
		b = (b & 0xffff) + (b >> 16);
	}
	a = (a & 0xffff) + (a >> 16);
	b = (b & 0xffff) + (b >> 16);
	return b << 16 | a;
}

enum { SUM = 4 };

size_t mdm_packed_bound(size_t n) { return compressBound(n) + SUM; }

size_t mdm_pack(const mdm_packing *p, size_t element, const unsigned char *chunk, size_t n, unsigned char *out, size_t cap) {
	unsigned char *shuffled = NULL;
	if (cap < mdm_packed_bound(n)) return 0;
	if (p->shuffle && element > 1) {
		if (!(shuffled = malloc(n))) return 0;
		shuffle(shuffled, chunk, n, element);
		chunk = shuffled;
	}
	uLongf size = cap - SUM;
	if (!p->gzip) {
		memcpy(out, chunk, n);
		size = n;
	} else if (compress2(out, &size, chunk, n, p->gzip) != Z_OK) {
		size = 0;
	}
	free(shuffled);
	if (!p->fletcher32 || !size) return size;
	uint32_t sum = fletcher32(out, size);
	for (int i = 0; i < SUM; i++) out[size++] = (unsigned char)(sum >> 8 * i);
	return size;
}

herr_t mdm_write_chunk(hid_t dataset, hsize_t width, hsize_t row, hsize_t end, const void *packed, size_t n) {
	hsize_t at[2] = {row, 0}, size[2] = {end, width};
	if (H5Dset_extent(dataset, size) < 0) return -1;
	return H5Dwrite_chunk(dataset, H5P_DEFAULT, 0, at, n, packed);
}

herr_t mdm_write_variable(hid_t dataset, hid_t element, hsize_t row, size_t n, const uint64_t *counts, const unsigned char *bytes) {
	herr_t rc = -1;
	hsize_t from[1] = {row}, rows[1] = {n}, size[1] = {row + n};
	hid_t type = H5Tvlen_create(element), memory = H5Screate_simple(1, rows, NULL), space = -1;
	size_t bytes_each = H5Tget_size(element);
	hvl_t *values = malloc(n * sizeof *values);
	if (!values || !bytes_each || type < 0 || memory < 0 || H5Dset_extent(dataset, size) < 0) goto done;
	for (size_t i = 0; i < n; i++) {
		values[i].len = counts[i];
		values[i].p = (void *)bytes; // only read from
		bytes += counts[i] * bytes_each;
	}
	space = H5Dget_space(dataset);
	if (space < 0 || H5Sselect_hyperslab(space, H5S_SELECT_SET, from, NULL, rows, NULL) < 0) goto done;
	rc = H5Dwrite(dataset, type, memory, space, H5P_DEFAULT, values);
done:
	free(values);
	hid_t why = failure();
	if (space >= 0) H5Sclose(space);
	if (memory >= 0) H5Sclose(memory);
	if (type >= 0) H5Tclose(type);
	fail_again(why);
	return rc;
}

herr_t mdm_write_text(hid_t object, const char *name, const char *text) {
	herr_t rc = -1;
	hid_t type = mdm_text_type(), space = H5Screate(H5S_SCALAR), attribute = -1;
	if (type < 0 || space < 0) goto done;
	attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
	if (attribute >= 0) rc = H5Awrite(attribute, type, &text);
done:;
	hid_t why = failure();
	if (attribute >= 0) H5Aclose(attribute);
	if (space >= 0) H5Sclose(space);
	if (type >= 0) H5Tclose(type);
	fail_again(why);
	return rc;
}
