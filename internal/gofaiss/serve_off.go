//go:build !gofaiss

package gofaiss

import "milvusdm/internal/faiss"

// Helper returns nil: this program was built without go-faiss.
func Helper() faiss.Helper { return nil }

// Run reports that args, the program's arguments with its name, do not make it a child: a build without go-faiss starts none.
func Run(args []string) (code int, ok bool) { return 0, false }
