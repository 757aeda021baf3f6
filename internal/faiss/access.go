package faiss

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/user"
	"strconv"

	"milvusdm/internal/fault"
)

// fileError is the error of a file that could not be got at. Since it is the worker's machine that counts, and the
// user that the worker runs as, both are named where they can be the reason.
func fileError(err error, doing string) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fault.New(fault.NotFound, "%s: %w (%s)", doing, err, Here())
	case errors.Is(err, fs.ErrPermission):
		return fault.New(fault.Denied, "%s: %w (%s)", doing, err, Here())
	}
	return fault.New(fault.Internal, "%s: %w", doing, err)
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
