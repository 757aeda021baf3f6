package access

import (
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"milvusdm/internal/fault"
)

func TestFailuresNameHostAndUser(t *testing.T) {
	host, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	for err, kind := range map[error]fault.Kind{fs.ErrNotExist: fault.NotFound, fs.ErrPermission: fault.Denied, syscall.EROFS: fault.Denied,
		syscall.ENOSPC: fault.Denied, syscall.ENOTDIR: fault.NotFound} {
		got := Failed(&fs.PathError{Op: "open", Path: "/x", Err: err}, "read")
		if fault.KindOf(got) != kind || !strings.Contains(got.Error(), "(worker on "+host+" as user ") {
			t.Errorf("%v: %s %v", err, fault.KindOf(got), got)
		}
	}
	if Failed(nil, "read") != nil {
		t.Error("a failure of nothing")
	}
}
