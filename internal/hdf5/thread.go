package hdf5

import (
	"context"
	"runtime"
	"sync"

	"gonum.org/v1/hdf5"
)

// The HDF5 library is used by one thread only: builds of it need not be thread-safe, those that are take turns anyway,
// and its errors are kept per thread.
var thread struct {
	start sync.Once
	calls chan func()
}

// do runs f on the library's thread and returns its error. It waits for its turn no longer than ctx; a call that has
// begun runs to its end, since it writes into the caller's memory. f must not call do.
func do(ctx context.Context, f func() error) error {
	thread.start.Do(func() {
		thread.calls = make(chan func())
		go serve(thread.calls)
	})
	var err error
	var failure any
	done := make(chan struct{})
	call := func() {
		defer close(done)
		defer func() { failure = recover() }()
		err = f()
	}
	select {
	case thread.calls <- call:
	case <-ctx.Done():
		return ctx.Err()
	}
	<-done
	if failure != nil {
		panic(failure) // where it belongs: in the goroutine that asked
	}
	return err
}

func serve(calls <-chan func()) {
	runtime.LockOSThread()
	// The library prints errors by itself until told, thread by thread, not to. Failing that it is only noisy.
	_ = hdf5.DisplayErrors(false)
	for call := range calls {
		call()
	}
}
