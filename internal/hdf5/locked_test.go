package hdf5

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// TestALockThatPassesIsWaitedFor: a child process holds the lock of a file that was just written for a moment.
func TestALockThatPassesIsWaitedFor(t *testing.T) {
	data, err := os.ReadFile("testdata/ann-angular.h5")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "locked.h5")
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
	holder, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Flock(int(holder.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	time.AfterFunc(100*time.Millisecond, func() { _ = holder.Close() }) // which unlocks it
	f, err := openUnlocked(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
