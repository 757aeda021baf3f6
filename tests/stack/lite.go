package stack

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The versions of milvus-lite that MilvusLite starts; scripts/lib.sh names them too.
const (
	LiteCpp    = "2.4.12" // Milvus's own engine in C++
	LitePython = "3.2.2"  // an engine in Python
)

// MilvusLite returns the shared milvus-lite server of that version, running.
func MilvusLite(t testing.TB, version string) *Server {
	t.Helper()
	installPeers(t)
	return shared(t, "milvus-lite-"+version, "milvus_lite.sh", 1, version)
}

// Python returns a command that runs a Python program which may import pymilvus, h5py and pandas.
func Python(t testing.TB, args ...string) *exec.Cmd {
	t.Helper()
	installPeers(t)
	var path bytes.Buffer
	find := exec.Command("bash", "-c", `source "$0" && echo "$python_peers:$python_h5py"`, filepath.Join(Root(t), "scripts", "lib.sh"))
	find.Stdout = &path
	if err := find.Run(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "python3", args...)
	cmd.Env = append(cmd.Environ(), "PYTHONPATH="+strings.TrimSpace(path.String()))
	return cmd
}

func installPeers(t testing.TB) {
	t.Helper()
	Dir(t) // skips where it must
	if err := script(Root(t), "install.sh", "peers"); err != nil {
		t.Fatal(err)
	}
}
