// Command milvusdm-worker runs the workflows and activities of MilvusDM on Temporal.
//
// It is the composition root: the only place that knows every connector.
package main

import (
	"context"
	"fmt"
	"os"

	"milvusdm/internal/fault"
	"milvusdm/internal/hdf5"
)

func main() {
	// the worker is its own child where a library can't be trusted with a damaged file
	if hdf5.Guard(os.Args) {
		return
	}
	if code, ok := runHelper(os.Args); ok {
		os.Exit(code)
	}
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "milvusdm-worker:", err)
		os.Exit(fault.ExitCode(fault.KindOf(err)))
	}
}
