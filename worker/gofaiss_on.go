//go:build gofaiss

package main

import (
	"milvusdm/internal/faiss"
	"milvusdm/internal/gofaiss"
)

// helper reads Faiss kinds that internal/faiss does not know.
func helper() faiss.Helper { return gofaiss.Helper() }

// runHelper runs the program as the helper's child process, when it was started as one.
func runHelper(args []string) (code int, ok bool) { return gofaiss.Run(args) }
