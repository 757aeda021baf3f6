package export

import (
	"errors"
	"io/fs"
	"path/filepath"
	"syscall"
)

// Free is how many bytes a user may still write into a directory, or where it will be made.
func Free(dir string) (int64, error) {
	var s syscall.Statfs_t
	for at := dir; ; at = filepath.Dir(at) {
		err := syscall.Statfs(at, &s)
		if errors.Is(err, fs.ErrNotExist) && at != filepath.Dir(at) {
			continue
		}
		if err != nil {
			return 0, explain(err, "ask for the free space of %s", dir)
		}
		return int64(s.Bavail) * int64(s.Bsize), nil
	}
}

// writable refuses a directory in which this process can make no files.
func writable(dir string) error {
	const writeAndSearch = 2 | 1
	return explain(syscall.Access(dir, writeAndSearch), "write into %s", dir)
}
