package hdf5run

import (
	"errors"
	"os"
)

// syncAhead has a file synced in the background while it is written, so that the sync at its end has little left to do. An
// error of it is the file's: the system tells each only once.
type syncAhead struct {
	asked int64      // bytes that were written when the last sync began
	done  chan error // of the sync that is under way; nil without one
}

// aheadBytes is how much is written between two syncs.
const aheadBytes = 64 << 20

// wrote is told how many bytes were written so far. It does not wait.
func (s *syncAhead) wrote(path string, bytes int64) error {
	if s.done != nil {
		select {
		case err := <-s.done:
			s.done = nil
			if err != nil {
				return err
			}
		default:
			return nil
		}
	}
	if bytes-s.asked < aheadBytes {
		return nil
	}
	done := make(chan error, 1)
	s.asked, s.done = bytes, done
	go func() {
		f, err := os.Open(path)
		if err == nil {
			err = errors.Join(f.Sync(), f.Close())
		}
		done <- err
	}()
	return nil
}

// wait waits for the sync that is under way.
func (s *syncAhead) wait() error {
	if s.done == nil {
		return nil
	}
	err := <-s.done
	s.done = nil
	return err
}
