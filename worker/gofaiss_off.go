//go:build !gofaiss

package main

import "milvusdm/internal/faiss"

// helper reads Faiss kinds that internal/faiss does not know: this build has none.
func helper() faiss.Helper { return nil }

// runHelper runs the program as the helper's child process, when it was started as one: never in this build.
func runHelper([]string) (code int, ok bool) { return 0, false }
