package export

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"milvusdm/internal/fault"
)

// Readers says who may read an export beside the user who wrote it.
type Readers string

const (
	Owner    Readers = "owner" // nobody; "" is the same
	Group    Readers = "group"
	Everyone Readers = "everyone"
)

// mode is that of directories. All that is written into a run's directory follows the directory's own.
func (r Readers) mode() (fs.FileMode, error) {
	switch r {
	case "", Owner:
		return 0o700, nil
	case Group:
		return 0o750, nil
	case Everyone:
		return 0o755, nil
	}
	return 0, fault.New(fault.Config, "target.hdf5.readable_by is %q; write owner, group or everyone", string(r))
}

// modes are those that files and directories in a run's directory have.
func modes(root *os.Root) (file, dir fs.FileMode, err error) {
	info, err := root.Stat(".")
	if err != nil {
		return 0, 0, err
	}
	dir = info.Mode().Perm() | 0o700
	return dir & 0o666, dir, nil
}

// mkdir makes a directory in a run's directory. One that is there is no error.
func mkdir(root *os.Root, name string) error {
	_, mode, err := modes(root)
	if err == nil {
		err = root.Mkdir(name, mode)
	}
	if errors.Is(err, fs.ErrExist) {
		return nil
	}
	if err == nil {
		err = root.Chmod(name, mode) // whatever the umask
	}
	return err
}

// Unknown is what [Free] answers for a file system that does not tell.
const Unknown = -1

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
		if s.Blocks == 0 { // it has no size of its own
			return Unknown, nil
		}
		return int64(s.Bavail) * int64(s.Bsize), nil
	}
}

// writable refuses a directory in which this process can make no files.
func writable(dir string) error {
	const writeAndSearch = 2 | 1
	return explain(syscall.Access(dir, writeAndSearch), "write into %s", dir)
}
