// Package rooms holds the program's packages to the table of rooms: which may import which.
package rooms

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the linter's lists and the picture anew")

const (
	module = "milvusdm/"
	common = "common"
)

// table is rooms.txt: by room, what it may import.
type table struct {
	rooms []string // in the file's order
	may   map[string][]string
}

func readTable(t *testing.T) table {
	t.Helper()
	f, err := os.Open("rooms.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	out := table{may: map[string][]string{}}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		words := strings.Fields(lines.Text())
		if len(words) == 0 || words[0] == "#" {
			continue
		}
		if _, twice := out.may[words[0]]; twice {
			t.Fatalf("rooms.txt has %s twice", words[0])
		}
		out.may[words[0]] = words[1:]
		if words[0] != common {
			out.rooms = append(out.rooms, words[0])
		}
	}
	return out
}

// allows reports whether a room may import another.
func (t table) allows(room, other string) bool {
	return slices.Contains(t.may[room], other) || slices.Contains(t.may[common], other)
}

// imports are the imports of ours of each package that is part of the program, tests left out.
func imports(t *testing.T) map[string][]string {
	t.Helper()
	list := exec.Command("go", "list", "-e", "-tags", "gofaiss", "-json=ImportPath,Imports", "./...")
	list.Dir = root
	answer, err := list.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	out := map[string][]string{}
	for d := json.NewDecoder(bytes.NewReader(answer)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			return out
		} else if err != nil {
			t.Fatal(err)
		}
		room, ours := strings.CutPrefix(p.ImportPath, module)
		if !ours || strings.HasPrefix(room, "tests") || strings.HasPrefix(room, "scripts") || strings.HasSuffix(room, "test") {
			continue
		}
		out[room] = nil
		for _, other := range p.Imports {
			if other, ours := strings.CutPrefix(other, module); ours {
				out[room] = append(out[room], other)
			}
		}
	}
}

var root = filepath.Join("..", "..")

func TestEveryPackageKeepsToItsRoom(t *testing.T) {
	rooms, all := readTable(t), imports(t)
	for _, room := range slices.Sorted(maps.Keys(all)) {
		if _, known := rooms.may[room]; !known {
			t.Errorf("%s is not in rooms.txt", room)
		}
		for _, other := range all[room] {
			if !rooms.allows(room, other) {
				t.Errorf("%s imports %s, which rooms.txt does not let it", room, other)
			}
		}
	}
	for _, room := range rooms.rooms {
		if _, there := all[room]; !there {
			t.Errorf("rooms.txt has %s, which is no package", room)
		}
		for _, other := range rooms.may[room] {
			if !slices.Contains(all[room], other) {
				t.Errorf("rooms.txt lets %s import %s, which it does not", room, other)
			}
		}
	}
}

// TestLinterHoldsTheRooms: the linter says it where the import is written.
func TestLinterHoldsTheRooms(t *testing.T) {
	rooms := readTable(t)
	var lists strings.Builder
	for _, room := range rooms.rooms {
		fmt.Fprintf(&lists, "        %s:\n          list-mode: lax\n          files: [\"**/%s/*.go\", \"!$test\"]\n", strings.ReplaceAll(room, "/", "-"), room)
		lists.WriteString("          deny: [{pkg: milvusdm, desc: \"tests/rooms/rooms.txt says what may be imported here\"}]\n          allow:\n")
		for _, other := range append(slices.Clone(rooms.may[common]), rooms.may[room]...) {
			fmt.Fprintf(&lists, "            - %s%s$\n", module, other)
		}
	}
	between(t, ".golangci.yml", "        # begin of the rooms\n", "        # end of the rooms\n", lists.String())
}

// TestPictureShowsTheRooms: what the packages really import, without what follows from the rest.
func TestPictureShowsTheRooms(t *testing.T) {
	rooms, all := readTable(t), imports(t)
	var picture strings.Builder
	picture.WriteString("```mermaid\ngraph TD\n")
	for _, room := range rooms.rooms {
		for _, other := range all[room] {
			if !slices.Contains(rooms.may[common], other) && !through(all, room, other) {
				fmt.Fprintf(&picture, "    %s --> %s\n", short(room), short(other))
			}
		}
	}
	picture.WriteString("```\n")
	between(t, filepath.Join("docs", "architecture.md"), "<!-- begin of the rooms, drawn by go test ./tests/rooms -update -->\n",
		"<!-- end of the rooms -->\n", picture.String())
}

func short(room string) string { return strings.TrimPrefix(room, "internal/") }

// through reports whether a room reaches another by way of a third.
func through(all map[string][]string, room, other string) bool {
	return slices.ContainsFunc(all[room], func(third string) bool { return third != other && reaches(all, third, other) })
}

func reaches(all map[string][]string, from, to string) bool {
	return slices.ContainsFunc(all[from], func(next string) bool { return next == to || reaches(all, next, to) })
}

// between compares what stands between two lines of a file with what should, and writes it with -update.
func between(t *testing.T, file, begin, end, want string) {
	t.Helper()
	path := filepath.Join(root, file)
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	head, rest, begins := strings.Cut(string(text), begin)
	got, tail, ends := strings.Cut(rest, end)
	switch {
	case !begins || !ends:
		t.Fatalf("%s lacks the lines %q and %q", file, strings.TrimSpace(begin), strings.TrimSpace(end))
	case got == want:
	case *update:
		if err := os.WriteFile(path, []byte(head+begin+want+end+tail), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what rooms.txt and the imports make it: run go test ./tests/rooms -update", file)
	}
}
