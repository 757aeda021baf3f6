package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"milvusdm/internal/fault"
	"milvusdm/workflows"
)

// openTerminal opens a pseudo terminal of that many columns: its own side, and what a program writes to.
func openTerminal(t *testing.T, columns uint16) (own, program *os.File) {
	t.Helper()
	own, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(own.Fd()), unix.TIOCGPTN)
	if err == nil {
		err = unix.IoctlSetPointerInt(int(own.Fd()), unix.TIOCSPTLCK, 0)
	}
	if err == nil {
		err = unix.IoctlSetWinsize(int(own.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: columns})
	}
	if err != nil {
		t.Fatal(err)
	}
	if program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0); err != nil {
		t.Fatal(err)
	}
	return own, program
}

// onTerminal runs the program on a terminal of that many columns and returns what it wrote.
func (b *bench) onTerminal(columns uint16, env map[string]string, args ...string) string {
	b.Helper()
	own, program := openTerminal(b.T, columns)
	defer own.Close()
	written := make(chan string, 1)
	go func() {
		all, _ := io.ReadAll(own) // ends with an error when the program's side is closed
		written <- string(all)
	}()
	all := environment{"TERM": "xterm"}
	for _, from := range []map[string]string{b.env, env} {
		for k, v := range from {
			all[k] = v
		}
	}
	Main(context.Background(), append(args, "--task-queue", b.queue), surroundings(program, program, program, all))
	if err := program.Close(); err != nil {
		b.Fatal(err)
	}
	return <-written
}

func TestColours(t *testing.T) {
	b := newBench(t).work()
	path, name := b.job("ok")
	bad, failed := b.job("fail")
	if text := b.onTerminal(100, nil, "run", path); !strings.Contains(text, "job "+name+": \x1b[32mverified\x1b[0m, every row") {
		t.Errorf("not green: %q", text)
	}
	if text := b.onTerminal(100, nil, "run", bad); !strings.Contains(text, "job "+failed+" \x1b[31mfailed\x1b[0m: toy.h5") {
		t.Errorf("not red: %q", text)
	}
	for _, env := range []map[string]string{{"NO_COLOR": "1"}, {"TERM": "dumb"}} {
		if text := b.onTerminal(100, env, "run", path); strings.Contains(text, "\x1b[3") || !strings.Contains(text, "verified, every row") {
			t.Errorf("%v: %q", env, text)
		}
	}
	if text := b.onTerminal(100, map[string]string{"TERM": "dumb"}, "run", path); strings.Contains(text, "\x1b") {
		t.Errorf("a terminal that shows text only is sent controls: %q", text)
	}
	b.milvusdm("run", path).exits(fault.ExitOK).lacks("\x1b")
}

func TestColoursOfLines(t *testing.T) {
	r := func(code, text string) string { return "\x1b[" + code + "m" + text + "\x1b[0m" }
	for text, want := range map[string]string{
		"a/verify: equal\n":                                "a/verify: " + r(green, "equal") + "\n",
		"a/verify: DIFFERENT\n":                            "a/verify: " + r(red, "DIFFERENT") + "\n",
		"job a: copied, NOT COUNTED: the server":           "job a: copied, " + r(yellow, "NOT COUNTED") + ": the server",
		"job a was cancelled\n":                            "job a was " + r(yellow, "cancelled") + "\n",
		"12:00:00 UTC a: failed: x\n":                      "12:00:00 UTC a: " + r(red, "failed") + ": x\n",
		"12:00:00 +01:00 a: failed: x\n":                   "12:00:00 +01:00 a: " + r(red, "failed") + ": x\n",
		"warning: no worker":                               r(yellow, "warning:") + " no worker",
		"milvusdm: no such file":                           r(red, "milvusdm:") + " no such file",
		"  WARNING    the metric":                          "  " + r(yellow, "WARNING") + "    the metric",
		"b  failed   2026\nc  failed\n":                    "b  " + r(red, "failed") + "   2026\nc  " + r(red, "failed") + "\n",
		"  note       a job that failed is not a warning:": "  note       a job that failed is not a warning:",
	} {
		if got := coloured(text); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

// Names that a terminal has no room for still differ.
func TestLongNamesDiffer(t *testing.T) {
	f := frame{Phase: workflows.PhaseCopying, Rows: 1, Total: 2}
	for _, names := range [][]string{
		{"customers_of_the_north_2024", "customers_of_the_north_2025"},
		{"2024_customers_of_the_north", "2025_customers_of_the_north"},
	} {
		f.Parts = nil
		for _, name := range names {
			f.Parts = append(f.Parts, frame{Name: name, Phase: workflows.PhaseWaiting})
		}
		for _, width := range []int{30, 45, 60} {
			lines := f.lines(width)
			if lines[1] == lines[2] || !strings.Contains(lines[1], "2024") {
				t.Errorf("%d columns: %q", width, lines)
			}
		}
	}
}

// A table that is too wide for the terminal has a block for each row.
func TestNarrowTerminal(t *testing.T) {
	t.Parallel()
	b := newBench(t).work()
	path, name := b.job("ok")
	b.milvusdm("run", path).exits(0)
	b.listed(name, "completed")
	text := strings.ReplaceAll(b.onTerminal(40, nil, "list"), "\r\n", "\n")
	if !strings.Contains(text, "name       "+name+"\nstate      completed\nstarted    ") {
		t.Errorf("got:\n%s", text)
	}
	if wide := b.onTerminal(400, nil, "list"); !strings.Contains(wide, "NAME") {
		t.Errorf("got:\n%s", wide)
	}
}
