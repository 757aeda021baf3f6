#include "native.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

hid_t mdm_small_float(size_t exponent, size_t mantissa) {
	hid_t t = H5Tcopy(H5T_IEEE_F32LE);
	if (t < 0) return t;
	if (H5Tset_fields(t, 15, mantissa, exponent, 0, mantissa) < 0 || H5Tset_size(t, 2) < 0 ||
	    H5Tset_ebias(t, ((size_t)1 << (exponent - 1)) - 1) < 0) {
		H5Tclose(t);
		return -1;
	}
	return t;
}

int mdm_same_but_order(hid_t a, hid_t b) {
	hid_t t = H5Tcopy(a);
	if (t < 0) return 0;
	int same = H5Tset_order(t, H5Tget_order(b)) >= 0 && H5Tequal(t, b) > 0;
	H5Tclose(t);
	return same;
}

int mdm_is_bool(hid_t type) {
	if (H5Tget_size(type) != 1) return 0;
	if (H5Tget_class(type) == H5T_BITFIELD) return 1;
	if (H5Tget_class(type) != H5T_ENUM || H5Tget_nmembers(type) != 2) return 0;
	signed char no = -1, yes = -1;
	return H5Tenum_valueof(type, "FALSE", &no) >= 0 && H5Tenum_valueof(type, "TRUE", &yes) >= 0 && no == 0 && yes == 1;
}

static herr_t get_filters(hid_t create, mdm_storage *s) {
	s->filters = H5Pget_nfilters(create);
	if (s->filters < 0 || s->filters > MDM_MAX_FILTERS) return -1;
	for (int i = 0; i < s->filters; i++) {
		unsigned flags, config;
		size_t values = 0;
		H5Z_filter_t id = H5Pget_filter2(create, i, &flags, &values, NULL, sizeof s->filter_name[i], s->filter_name[i], &config);
		if (id < 0) return -1;
		s->filter_name[i][sizeof s->filter_name[i] - 1] = 0;
		s->filter_id[i] = id;
		s->filter_available[i] = H5Zfilter_avail(id) > 0;
	}
	return 0;
}

enum { CHECKSUM = 4 }; // what fletcher32 adds to a chunk

static size_t inflated; // what a chunk has to be, see mdm_limit_inflate

// inflate_chunk is the library's deflate filter, for reading, with a known result.
static size_t inflate_chunk(unsigned flags, size_t n, const unsigned *values, size_t in, size_t *cap, void **buf) {
	(void)n, (void)values;
	if (!(flags & H5Z_FLAG_REVERSE)) return 0; // chunks are packed before the library sees them
	// one byte more shows what is too long; a checksum that was made before deflating is still there
	uLongf out = inflated + CHECKSUM + 1;
	unsigned char *to = H5allocate_memory(out, 0);
	if (!to) return 0;
	if (uncompress(to, &out, *buf, in) != Z_OK || (out != inflated && out != inflated + CHECKSUM)) {
		H5free_memory(to);
		return 0;
	}
	H5free_memory(*buf);
	*buf = to;
	*cap = inflated + CHECKSUM + 1;
	return out;
}

// H5Zregister replaces no filter that comes with the library; this does, which it calls. Where it is not to be had, the
// library's filter stays.
extern herr_t H5Z_register(const H5Z_class2_t *filter) __attribute__((weak));

herr_t mdm_limit_inflate(size_t chunk) {
	// that it deflates is said for datasets to be made with it
	static const H5Z_class2_t filter = {H5Z_CLASS_T_VERS, H5Z_FILTER_DEFLATE, 1, 1, "deflate", NULL, NULL, inflate_chunk};
	static int registered;
	if (!registered && H5Z_register && H5Z_register(&filter) < 0) return -1;
	registered = 1;
	inflated = chunk;
	return 0;
}

// check_chunks counts chunks that are too small or too large for what they hold. A filter that changes sizes and is not
// known here checks for itself.
static herr_t check_chunks(hid_t dataset, hid_t space, int rank, size_t element, mdm_storage *s) {
	hsize_t dims[MDM_MAX_RANK] = {1, 1}, at[MDM_MAX_RANK] = {0, 0}, want = element, total = 1;
	if (!s->filters || H5Sget_simple_extent_ndims(space) != rank || H5Sget_simple_extent_dims(space, dims, NULL) != rank) return 0;
	for (int i = 0; i < s->filters; i++) {
		if (s->filter_id[i] != H5Z_FILTER_FLETCHER32 && s->filter_id[i] != H5Z_FILTER_SHUFFLE) return 0;
	}
	for (int i = 0; i < rank; i++) {
		if (!s->chunk[i] || !dims[i]) return 0;
		want *= s->chunk[i];
		total *= (dims[i] - 1) / s->chunk[i] + 1;
	}
	for (int i = 0; i < s->filters; i++)
		if (s->filter_id[i] == H5Z_FILTER_FLETCHER32) want += CHECKSUM;
	if (total != s->chunks) return 0; // refused anyway
	for (; at[0] < dims[0]; at[0] += s->chunk[0])
		for (at[1] = 0; at[1] < dims[1]; at[1] += rank > 1 ? s->chunk[1] : 1) {
			hsize_t size = 0;
			if (H5Dget_chunk_storage_size(dataset, at, &size) < 0) return -1;
			s->odd_chunks += size != want;
		}
	return 0;
}

static herr_t count_chunks(hid_t dataset, int rank, size_t element, mdm_storage *s) {
	for (int i = 0; i < s->filters; i++)
		if (!s->filter_available[i]) return 0;
	hid_t space = H5Dget_space(dataset);
	if (space < 0) return -1;
	herr_t rc = H5Dget_num_chunks(dataset, space, &s->chunks);
	if (rc >= 0) rc = check_chunks(dataset, space, rank, element, s);
	H5Sclose(space);
	return rc;
}

herr_t mdm_get_storage(hid_t dataset, size_t element, mdm_storage *s) {
	memset(s, 0, sizeof *s);
	hid_t create = H5Dget_create_plist(dataset);
	if (create < 0) return -1;
	herr_t rc = -1;
	s->layout = H5Pget_layout(create);
	s->external = H5Pget_external_count(create);
	if (s->layout < 0 || s->external < 0 || get_filters(create, s) < 0) goto done;
	rc = 0;
	if (s->layout == H5D_VIRTUAL || s->external) goto done;
	s->size = H5Dget_storage_size(dataset);
	if (s->layout != H5D_CHUNKED) goto done;
	int rank = H5Pget_chunk(create, MDM_MAX_RANK, s->chunk); // may be more than asked for
	if (rank < 0) rc = -1;
	else if (rank <= MDM_MAX_RANK) rc = count_chunks(dataset, rank, element, s);
done:
	H5Pclose(create);
	return rc;
}

// keep_reference converts variable-length values to opaque bytes: not at all.
static herr_t keep_reference(hid_t from, hid_t to, H5T_cdata_t *call, size_t n, size_t stride, size_t bkg_stride, void *buf, void *bkg,
                             hid_t transfer) {
	(void)n, (void)stride, (void)bkg_stride, (void)buf, (void)bkg, (void)transfer;
	if (call->command != H5T_CONV_INIT) return 0;
	call->need_bkg = H5T_BKG_NO;
	return (H5Tis_variable_str(from) > 0 || H5Tget_class(from) == H5T_VLEN) && H5Tget_size(from) == MDM_REFERENCE_SIZE && H5Tget_size(to) == MDM_REFERENCE_SIZE ? 0 : -1;
}

hid_t mdm_reference_type(void) {
	static int registered;
	hid_t to = H5Tcreate(H5T_OPAQUE, MDM_REFERENCE_SIZE);
	if (to < 0 || registered) return to;
	hid_t from = H5Tcopy(H5T_C_S1);
	if (from >= 0 && H5Tset_size(from, H5T_VARIABLE) >= 0)
		registered = H5Tregister(H5T_PERS_SOFT, "milvusdm reference", from, to, keep_reference) >= 0;
	if (from >= 0) H5Tclose(from);
	if (registered) return to;
	H5Tclose(to);
	return -1;
}

int mdm_attribute_string(hid_t object, const char *name, char *out, size_t cap) {
	if (H5Aexists(object, name) <= 0) return MDM_NO_STRING;
	int rc = -1;
	hid_t attribute = H5Aopen(object, name, H5P_DEFAULT), type = -1, space = -1, reference = -1;
	if (attribute < 0 || (type = H5Aget_type(attribute)) < 0 || (space = H5Aget_space(attribute)) < 0) goto done;
	rc = MDM_NO_STRING;
	if (H5Tget_class(type) != H5T_STRING || H5Sget_simple_extent_npoints(space) != 1) goto done;
	memset(out, 0, cap);
	if (H5Tis_variable_str(type) > 0) {
		reference = mdm_reference_type();
		rc = reference < 0 || H5Aread(attribute, reference, out) < 0 ? -1 : MDM_REFERENCE;
	} else if (H5Tget_size(type) < cap) {
		rc = H5Aread(attribute, type, out) < 0 ? -1 : MDM_STRING;
	}
done:
	if (reference >= 0) H5Tclose(reference);
	if (space >= 0) H5Sclose(space);
	if (type >= 0) H5Tclose(type);
	if (attribute >= 0) H5Aclose(attribute);
	return rc;
}

struct text {
	char *s;
	size_t len;
};

static herr_t add_error(unsigned n, const H5E_error2_t *e, void *data) {
	struct text *t = data;
	(void)n;
	if (!e->desc || !*e->desc) return 0;
	size_t add = strlen(e->desc);
	if (t->len + add > 4096) return 0;
	char *s = realloc(t->s, t->len + add + 3);
	if (!s) return 0;
	if (t->len) {
		memcpy(s + t->len, ": ", 2);
		t->len += 2;
	}
	memcpy(s + t->len, e->desc, add + 1);
	t->len += add;
	t->s = s;
	return 0;
}

char *mdm_error(void) {
	struct text t = {NULL, 0};
	H5Ewalk2(H5E_DEFAULT, H5E_WALK_DOWNWARD, add_error, &t);
	return t.s;
}

static herr_t deny(const char *file, const char *group, const char *target, const char *object, unsigned *flags, hid_t fapl,
                   void *data) {
	(void)file, (void)group, (void)target, (void)object, (void)flags, (void)fapl, (void)data;
	return -1;
}

herr_t mdm_deny_external(hid_t access_list) { return H5Pset_elink_cb(access_list, deny, NULL); }
