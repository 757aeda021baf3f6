//go:build gofaiss

// The version of the Faiss that is linked. Its C API does not tell it.

#include <faiss/Index.h>

extern "C" {
extern const int milvusdm_faiss_version[3];
const int milvusdm_faiss_version[3] = {FAISS_VERSION_MAJOR, FAISS_VERSION_MINOR, FAISS_VERSION_PATCH};
}
