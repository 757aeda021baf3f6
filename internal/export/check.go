package export

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"syscall"

	"milvusdm/internal/fault"
)

// Level says how thoroughly a run is checked.
type Level int

const (
	Sizes     Level = iota // that all files are there with their sizes: quick
	Checksums              // and that their contents are those that were written: reads all
)

// Check reads a finished run's manifest and compares its files with it, those of the named collections or, without names, of
// all. What is wrong is one fault that names each file: missing, truncated, edited or of another run, or no part of the run.
// Temporary files of this program's own count for nothing.
func Check(ctx context.Context, dir string, level Level, seen progress, collections ...string) (*Manifest, error) {
	root, err := openRoot(dir)
	if err != nil {
		return nil, explainRead(err, "open the export")
	}
	defer root.Close()
	return check(ctx, root, dir, level, seen, collections)
}

func check(ctx context.Context, root *os.Root, dir string, level Level, seen progress, collections []string) (*Manifest, error) {
	m, err := finished(root, dir)
	if err != nil {
		return nil, err
	}
	for _, name := range collections {
		if !slices.ContainsFunc(m.Collections, func(c Collection) bool { return c.Name == name }) {
			return nil, fault.New(fault.NotFound, "%s: holds no collection %q; it has %s", dir, name, m.names())
		}
	}
	c := checker{ctx: ctx, root: root, level: level, seen: seen}
	for _, of := range m.Collections {
		if len(collections) == 0 || slices.Contains(collections, of.Name) {
			c.collections = append(c.collections, of)
		}
	}
	if err := c.run(); err != nil {
		return nil, explainRead(err, "check the export %s", dir)
	}
	return m, problems(dir, c.wrong)
}

// names lists the collections for a message.
func (m *Manifest) names() string {
	var names []string
	for _, c := range m.Collections {
		if len(names) == 10 {
			names = append(names, "...")
			break
		}
		names = append(names, fmt.Sprintf("%.80q", c.Name))
	}
	return strings.Join(names, ", ")
}

// problems is the fault of a run in which something is wrong, nil where nothing is.
func problems(dir string, wrong []string) error {
	const shown = 10
	switch {
	case len(wrong) == 0:
		return nil
	case len(wrong) == 1:
		return fault.New(fault.Corrupt, "%s: %s", dir, wrong[0])
	case len(wrong) > shown:
		wrong = append(wrong[:shown:shown], fmt.Sprintf("and %d more", len(wrong)-shown))
	}
	return fault.New(fault.Corrupt, "%s: files are not as they were written:\n  %s", dir, strings.Join(wrong, "\n  "))
}

// checker compares a directory with its manifest.
type checker struct {
	ctx         context.Context
	root        *os.Root
	level       Level
	seen        progress
	collections []Collection
	wrong       []string
	done, total int64
}

// run fails only when the check itself does; what it finds is in wrong.
func (c *checker) run() error {
	for _, of := range c.collections {
		for _, p := range of.Parts {
			c.total += p.Bytes
		}
	}
	for _, of := range c.collections {
		parts := map[string]bool{}
		for _, p := range of.Parts {
			parts[p.Path] = true
			text := sized(c.root, &p)
			if text == "" && c.level == Checksums {
				var err error
				if text, err = c.contents(&p); err != nil {
					return err
				}
			}
			if text != "" {
				c.wrong = append(c.wrong, text)
			}
		}
		if err := c.extra(collectionDir(of.Name), parts); err != nil {
			return err
		}
	}
	return nil
}

// contents says what is wrong with what stands in a part, "" for nothing.
func (c *checker) contents(p *Part) (string, error) {
	f, _, err := openFile(c.root, p.Path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	sha, size, err := checksum(c.ctx, f, p.Bytes, func(n, _ int64) {
		if c.seen != nil {
			c.seen(c.done+n, c.total)
		}
	})
	c.done += p.Bytes
	switch {
	case errors.Is(err, syscall.EIO):
		return p.Path + ": can't be read: " + err.Error(), nil
	case err != nil:
		return "", err
	case sha != p.SHA256 || size != p.Bytes:
		return fmt.Sprintf("%s: was edited, or is of another run: its SHA-256 is %s, and %s was written", p.Path, sha, p.SHA256), nil
	}
	return "", nil
}

// extra finds what looks like a part in a collection's directory and is none.
func (c *checker) extra(dir string, parts map[string]bool) error {
	if info, err := c.root.Lstat(dir); err == nil && !info.IsDir() {
		if len(parts) == 0 {
			c.wrong = append(c.wrong, dir+": is no directory")
		}
		return nil // of its parts that is said
	}
	list, err := entries(c.root, dir)
	if err != nil {
		return removed(err) // all of its parts are missing, which is said
	}
	for _, e := range list {
		at := path.Join(dir, e.Name())
		if strings.HasSuffix(e.Name(), ".h5") && !parts[at] && !e.Type().IsDir() {
			c.wrong = append(c.wrong, at+": is no part of this run; move it away")
		}
	}
	return nil
}

// notEmpty is the error of a directory's removal, of which it is none that it is gone already or holds other things.
func notEmpty(err error) error {
	if errors.Is(err, syscall.ENOTEMPTY) || errors.Is(err, syscall.EEXIST) || errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
