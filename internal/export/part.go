package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"milvusdm/internal/fault"
	"milvusdm/internal/rows"
)

// Draft is a part that one attempt writes. Nothing of it counts until it is published.
type Draft struct {
	// Path is the absolute path of the file to write.
	Path string

	run         *Run
	name        PartName
	temp, final string // relative to the run's directory
}

// Draft begins a part, or returns the part that an earlier attempt has published, after reading it through. writer is
// unique to the attempt: at most 40 letters, digits and hyphens, as of run, range and attempt. What other attempts at the
// same part left unfinished is removed, so that it takes no room; if one of them is still alive, its Publish fails, or takes
// over what is published by then.
func (r *Run) Draft(ctx context.Context, name PartName, writer string, seen progress) (*Draft, *Part, error) {
	if err := name.check(); err != nil {
		return nil, nil, err
	}
	if !writerRule.MatchString(writer) {
		return nil, nil, fault.New(fault.Internal, "%q can't be a writer's name", writer)
	}
	d := &Draft{run: r, name: name, final: name.Path()}
	d.temp = tempPath(d.final, writer)
	d.Path = filepath.Join(r.path, filepath.FromSlash(d.temp))
	switch done, err := r.published(ctx, name, seen); {
	case done != nil || err != nil:
		return nil, done, err
	}
	dir := path.Dir(d.final)
	if err := mkdir(r.root, dir); err != nil {
		return nil, nil, explain(err, "begin %s", d.final)
	}
	if err := d.sweep(dir); err != nil {
		return nil, nil, explain(err, "begin %s", d.final)
	}
	return d, nil, explain(syncDir(r.root, "."), "begin %s", d.final)
}

// sweep removes what other attempts at the part left.
func (d *Draft) sweep(dir string) error {
	list, err := entries(d.run.root, dir)
	if err != nil {
		return err
	}
	prefix := "." + path.Base(d.final) + "."
	for _, e := range list {
		if strings.HasPrefix(e.Name(), prefix) && tempRule.MatchString(e.Name()) {
			if err := removed(d.run.root.Remove(path.Join(dir, e.Name()))); err != nil {
				return err
			}
		}
	}
	return nil
}

// removed is the error of a removal, of which it is none that nothing is there.
func removed(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Drop removes the draft, as after a failure to write it. A draft that was published stays.
func (d *Draft) Drop() error {
	return explain(removed(d.run.root.Remove(d.temp)), "remove the draft of %s", d.final)
}

// Publish gives the file its final name, once it was closed: whole, synced and never to be written again. It may be
// repeated. When another attempt has published the part, that one counts: it is what Publish returns, with its own rows and
// sum, and this draft is removed.
func (d *Draft) Publish(ctx context.Context, rows int64, sum rows.Sum, seen progress) (*Part, error) {
	p := publication{Draft: d, part: Part{Path: d.final, Partition: d.name.Partition, Number: d.name.Number, Rows: rows, Sum: sum}, seen: seen}
	for _, step := range p.steps() {
		if err := step(ctx); err != nil {
			return nil, explain(err, "publish %s", filepath.Join(d.run.path, filepath.FromSlash(d.final)))
		}
	}
	return &p.part, nil
}

// publication is one attempt to publish a draft.
type publication struct {
	*Draft
	part Part
	seen progress
}

// steps are what is done, in order. A crash between any two leaves what the next attempt goes on from.
func (p *publication) steps() []func(context.Context) error {
	return []func(context.Context) error{p.sync, p.receipt, p.link, p.unlink}
}

// sync makes the file's contents durable, and takes their checksum.
func (p *publication) sync(ctx context.Context) error {
	f, info, err := openFile(p.run.root, p.temp)
	if errors.Is(err, fs.ErrNotExist) {
		return p.adopt(ctx) // it was published before, or another attempt has taken over
	}
	if err != nil {
		return err
	}
	defer f.Close()
	mode, _, err := modes(p.run.root)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err != nil {
		return err
	}
	p.part.SHA256, p.part.Bytes, err = checksum(ctx, f, info.Size(), p.seen)
	if err == nil {
		err = checkPart(&p.part, p.name.Collection)
	}
	return err
}

// adopt takes the part over that stands under the final name.
func (p *publication) adopt(ctx context.Context) error {
	done, err := p.run.published(ctx, p.name, p.seen)
	if err == nil && done == nil {
		err = fault.New(fault.Internal, "its draft is gone: another attempt at it has begun")
	}
	if err == nil {
		p.part = *done
	}
	return err
}

// receipt keeps what is known of the part beside it. It is named by the contents, so that attempts don't get in each
// other's way.
func (p *publication) receipt(context.Context) error {
	text, err := json.Marshal(p.part)
	if err != nil {
		return err
	}
	err = writeOnce(p.run.root, receiptPath(p.final, p.part.SHA256), text)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return syncDir(p.run.root, path.Dir(p.final))
}

func (p *publication) link(ctx context.Context) error {
	err := link(p.run.root, p.temp, p.final)
	if errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		own := p.part.SHA256
		return errors.Join(p.adopt(ctx), p.withdraw(own))
	}
	if err != nil {
		return err
	}
	return syncDir(p.run.root, path.Dir(p.final))
}

// withdraw removes the receipt of a draft whose place another attempt took: one that wakes up late would leave it behind in a
// finished run. What the published part itself may be known by stays until then.
func (p *publication) withdraw(own string) error {
	if _, err := p.run.root.Lstat(manifestName); err != nil && p.part.SHA256 == own {
		return removed(err)
	}
	return removed(p.run.root.Remove(receiptPath(p.final, own)))
}

func (p *publication) unlink(context.Context) error {
	if err := removed(p.run.root.Remove(p.temp)); err != nil {
		return err
	}
	return syncDir(p.run.root, path.Dir(p.final))
}

// published returns the part that stands under its final name, nil when there is none. It reads the part through, and
// refuses one that has no receipt: it was edited, or is somebody else's.
func (r *Run) published(ctx context.Context, name PartName, seen progress) (*Part, error) {
	at := name.Path()
	f, info, err := openFile(r.root, at)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, explain(err, "open the part that is there")
	}
	defer f.Close()
	if err := f.Sync(); err != nil { // the attempt that wrote it may have died with the machine
		return nil, explain(err, "sync %s", at)
	}
	sha, size, err := checksum(ctx, f, info.Size(), seen)
	if err != nil {
		return nil, explain(err, "read %s", at)
	}
	p, err := r.readReceipt(receiptPath(at, sha))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.New(fault.Conflict, "%s is there and was not written by this run, or was edited since; move it away", filepath.Join(r.path, filepath.FromSlash(at)))
	}
	if err != nil {
		return nil, explain(err, "read what is known of %s", at)
	}
	if err := checkPart(p, name.Collection); err != nil || p.Path != at || p.SHA256 != sha || p.Bytes != size {
		return nil, fault.New(fault.Corrupt, "%s: its receipt is of another file", at)
	}
	return p, nil
}

func (r *Run) readReceipt(at string) (*Part, error) {
	text, err := readFile(r.root, at, 1<<20)
	if err != nil {
		return nil, err
	}
	var p Part
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fault.New(fault.Corrupt, "%s: %w", at, err)
	}
	return &p, nil
}

// checkParts makes sure that all parts stand there with their sizes.
func (r *Run) checkParts(m *Manifest) error {
	var wrong []string
	for _, c := range m.Collections {
		for _, p := range c.Parts {
			if text := sized(r.root, &p); text != "" {
				wrong = append(wrong, text)
			}
		}
	}
	return problems(r.path, wrong)
}

// sized says what is wrong with a part's file as far as its directory entry tells, "" for nothing.
func sized(root *os.Root, p *Part) string {
	dir, err := root.Lstat(path.Dir(p.Path))
	if err == nil && !dir.IsDir() {
		return path.Dir(p.Path) + ": is no directory"
	}
	info, err := root.Lstat(p.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p.Path + ": is missing"
	case err != nil:
		return p.Path + ": " + err.Error()
	case !info.Mode().IsRegular():
		return p.Path + ": is no regular file"
	case info.Size() < p.Bytes:
		return fmt.Sprintf("%s: is truncated to %d of %d bytes", p.Path, info.Size(), p.Bytes)
	case info.Size() > p.Bytes:
		return fmt.Sprintf("%s: has %d bytes, and %d were written; it was edited, or is of another run", p.Path, info.Size(), p.Bytes)
	}
	return ""
}
