#include "native.h"

#include <stdlib.h>
#include <string.h>

typedef struct {
	char *bytes;
	size_t length, capacity;
	hsize_t count, most;
} members;

// object_kind says what a hard link leads to.
static int object_kind(hid_t group, const char *name) {
#if H5_VERSION_GE(1, 12, 0)
	H5O_info2_t info;
	if (H5Oget_info_by_name3(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return -1;
#else
	H5O_info_t info;
	if (H5Oget_info_by_name2(group, name, &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return -1;
#endif
	switch (info.type) {
	case H5O_TYPE_GROUP: return MDM_GROUP;
	case H5O_TYPE_DATASET: return MDM_DATASET;
	default: return MDM_OTHER;
	}
}

static int link_kind(hid_t group, const char *name, const H5L_info_t *link) {
	switch (link->type) {
	case H5L_TYPE_HARD: return object_kind(group, name);
	case H5L_TYPE_SOFT: return MDM_SOFT_LINK;
	default: return MDM_EXTERNAL_LINK;
	}
}

static herr_t add_member(hid_t group, const char *name, const H5L_info_t *link, void *data) {
	members *m = data;
	int kind = link_kind(group, name, link);
	if (kind < 0) return -1;
	size_t size = strlen(name) + 2;
	if (m->length + size > m->capacity) {
		size_t capacity = 2 * m->capacity + size + 4096;
		char *bytes = realloc(m->bytes, capacity);
		if (!bytes) return -1;
		m->bytes = bytes;
		m->capacity = capacity;
	}
	m->bytes[m->length] = (char)kind;
	memcpy(m->bytes + m->length + 1, name, size - 1);
	m->length += size;
	return ++m->count > m->most;
}

herr_t mdm_list(hid_t group, hsize_t most, char **list, size_t *length, hsize_t *count) {
	members m = {NULL, 0, 0, 0, most};
	hsize_t at = 0;
	herr_t rc = H5Literate(group, H5_INDEX_NAME, H5_ITER_NATIVE, &at, add_member, &m);
	if (rc < 0) {
		free(m.bytes);
		return rc;
	}
	*list = m.bytes;
	*length = m.length;
	*count = m.count;
	return 0;
}

int mdm_kind(hid_t group, const char *name) {
	htri_t exists = H5Lexists(group, name, H5P_DEFAULT);
	if (exists <= 0) return exists < 0 ? -1 : MDM_ABSENT;
	H5L_info_t link;
	if (H5Lget_info(group, name, &link, H5P_DEFAULT) < 0) return -1;
	return link_kind(group, name, &link);
}

herr_t mdm_object_key(hid_t object, unsigned char *key) {
	memset(key, 0, 16);
#if H5_VERSION_GE(1, 12, 0)
	H5O_info2_t info;
	if (H5Oget_info3(object, &info, H5O_INFO_BASIC) < 0) return -1;
	memcpy(key, &info.token, sizeof info.token < 16 ? sizeof info.token : 16);
#else
	H5O_info_t info;
	if (H5Oget_info2(object, &info, H5O_INFO_BASIC) < 0) return -1;
	memcpy(key, &info.addr, sizeof info.addr);
#endif
	return 0;
}

herr_t mdm_first_missing(hid_t dataset, int axis, hsize_t *row) {
	hsize_t dims[MDM_MAX_RANK] = {1, 1}, chunk[MDM_MAX_RANK] = {1, 1}, at[MDM_MAX_RANK] = {0, 0};
	hid_t create = H5Dget_create_plist(dataset), space = H5Dget_space(dataset);
	herr_t rc = -1;
	int other = 1 - axis;
	if (create < 0 || space < 0 || H5Sget_simple_extent_ndims(space) > MDM_MAX_RANK) goto done;
	if (H5Sget_simple_extent_dims(space, dims, NULL) < 0 || H5Pget_chunk(create, MDM_MAX_RANK, chunk) < 0) goto done;
	if (!chunk[0] || !chunk[1]) goto done;
	for (; at[axis] < dims[axis]; at[axis] += chunk[axis])
		for (at[other] = 0; at[other] < dims[other]; at[other] += chunk[other]) {
			hsize_t size = 0;
			haddr_t address = HADDR_UNDEF;
			unsigned mask = 0;
			if (H5Dget_chunk_info_by_coord(dataset, at, &mask, &address, &size) < 0) goto done;
			if (address == HADDR_UNDEF) {
				*row = at[axis];
				rc = 0;
				goto done;
			}
		}
	*row = dims[axis];
	rc = 0;
done:
	if (space >= 0) H5Sclose(space);
	if (create >= 0) H5Pclose(create);
	return rc;
}
