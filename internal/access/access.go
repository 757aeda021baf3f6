// Package access tells of files that a worker can't get at. It is the worker's machine that counts, and the user that the
// worker runs as, so both are named wherever they can be the reason.
package access

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"
	"syscall"

	"milvusdm/internal/fault"
)

// Failed gives a failure of the file system its kind, and says what was being done. Failed(nil) is nil.
func Failed(err error, doing string) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.ELOOP):
		return fault.New(fault.NotFound, "%s: %w (%s)", doing, err, Here())
	case errors.Is(err, fs.ErrPermission), errors.Is(err, syscall.EROFS):
		return fault.New(fault.Denied, "%s: %w (%s)", doing, err, Here())
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fault.New(fault.Denied, "%s: the disk is full, or the quota used up; make room and run the job again: %w (%s)", doing, err, Here())
	}
	return fault.Wrap(fault.Internal, err, "%s", doing)
}

// Here names the machine and the user that this program runs as.
func Here() string {
	host, err := os.Hostname()
	if err != nil {
		host = "an unknown host"
	}
	name := strconv.Itoa(os.Getuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	return fmt.Sprintf("worker on %s as user %s", host, name)
}
