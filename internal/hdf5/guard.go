package hdf5

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"milvusdm/internal/fault"
	"milvusdm/internal/job"
	"milvusdm/internal/transfer"
)

// The HDF5 library ends the process on some damaged files, most of them when a dataset is opened. So each source is first
// opened in a child process; what ends that is an error of the file.

// guard says whether there are child processes, and which sources they have found sound.
var guard struct {
	mu    sync.Mutex
	on    bool
	sound map[[sha256.Size]byte]bool
}

// guardCommand is the first argument of a child.
const guardCommand = "check-hdf5"

// Guard has to be called first of all in a program, with its arguments. In a child process it does the child's work and
// returns true: the program has to end. Else it makes [Open] use child processes, which are this very program.
func Guard(args []string) bool {
	if len(args) == 2 && args[1] == guardCommand {
		// the parent opens the files itself and says what is wrong; this only has to survive it
		_ = checkSource(context.Background(), os.Stdin, os.Stdout)
		return true
	}
	guard.mu.Lock()
	defer guard.mu.Unlock()
	guard.on, guard.sound = true, map[[sha256.Size]byte]bool{}
	return false
}

// checkSource opens a source and reads a row of each file. It prints the name of each file that it begins with.
func checkSource(ctx context.Context, in, out *os.File) error {
	var j job.HDF5Source
	if err := json.NewDecoder(in).Decode(&j); err != nil {
		return err
	}
	states, err := findFiles(&j)
	if err != nil {
		return err
	}
	for _, state := range states {
		if _, err := fmt.Fprintln(out, state.name); err != nil {
			return err
		}
		one := j
		one.Paths, one.Rows = []string{state.name}, job.RowSlice{Count: 1}
		// what is wrong here the parent finds, too; the next file may end the process
		_ = readFirst(ctx, &one)
	}
	return nil
}

func readFirst(ctx context.Context, j *job.HDF5Source) error {
	unchecked := func(context.Context, *job.HDF5Source, []fileState) error { return nil }
	s, err := open(ctx, j, unchecked)
	if err != nil {
		return err
	}
	r := &reader{source: s, row: s.first, end: s.end, limit: transfer.BatchLimit{Rows: 1, Bytes: 1}}
	_, err = r.Next(ctx)
	return errors.Join(err, r.Close())
}

// survives makes sure that a child process has opened the job's files and lived.
func survives(ctx context.Context, j *job.HDF5Source, states []fileState) error {
	input, err := json.Marshal(j)
	if err != nil {
		return fault.Wrap(fault.Internal, err, "check HDF5 files")
	}
	key := sha256.Sum256([]byte(string(input) + identity(states)))
	guard.mu.Lock()
	needed := guard.on && !guard.sound[key]
	guard.mu.Unlock()
	if !needed {
		return nil
	}
	if err := runChild(ctx, input, time.Duration(len(states))*childLimit); err != nil {
		return err
	}
	guard.mu.Lock()
	guard.sound[key] = true
	guard.mu.Unlock()
	return nil
}

// childLimit is how long a child may take for a file: it opens it, and reads a row.
const childLimit = 2 * time.Minute

func runChild(ctx context.Context, input []byte, limit time.Duration) error {
	program, err := os.Executable()
	if err != nil {
		return fault.Wrap(fault.Internal, err, "check HDF5 files")
	}
	var seen, said bytes.Buffer
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	child := exec.CommandContext(limited, program, guardCommand)
	child.Stdin, child.Stdout, child.Stderr = bytes.NewReader(input), &seen, &said
	if err := child.Run(); err != nil {
		if ctx.Err() == nil && limited.Err() != nil {
			files := strings.Split(strings.TrimSpace(seen.String()), "\n")
			return fault.New(fault.Unsupported,
				"%s: was looked at for %v without an end; name fewer files, or the object to read",
				files[len(files)-1], limit)
		}
		return childError(ctx, err, strings.Split(strings.TrimSpace(seen.String()), "\n"), said.String())
	}
	return nil
}

// childError tells a file's damage from what keeps a child from running.
func childError(ctx context.Context, err error, seen []string, said string) error {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case !errors.As(err, &exit) || seen[0] == "":
		return fault.New(fault.Internal, "check HDF5 files in a child process: %w: %.200s", err, said)
	}
	how := exit.String()
	if first, _, _ := strings.Cut(strings.TrimSpace(said), "\n"); first != "" {
		how = first
	}
	return fault.New(fault.Corrupt, "%s: is damaged, in a way that ends the HDF5 library (%s); copy it again from where it is whole",
		seen[len(seen)-1], how)
}
