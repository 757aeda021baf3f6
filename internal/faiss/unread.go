package faiss

import (
	"fmt"
	"strings"

	"milvusdm/internal/fault"
)

// newestFaiss is the newest Faiss whose kinds are known here.
const newestFaiss = "1.15.1"

// unread says why the rows of an index, whose structure was read, can't be given.
type unread struct {
	code, name string // of the kind; "" where the kind is not the reason
	since      string // the first Faiss that has the kind, "" for one older than 1.7.3
	why        string // instead, or besides: what the file has or lacks
	lost       bool   // nobody can give the rows: the file does not hold them
}

// asQuantizer is u for an index whose codes are relative to the centroids of the index that u is about.
func (u *unread) asQuantizer(of string) *unread {
	if u == nil {
		return nil
	}
	return &unread{code: u.code, name: u.name, since: u.since, why: "the codes of " + of + " are relative to its rows"}
}

// kindText names the kind, as `RaBitQ ("Ixrq", since Faiss 1.11.0)`.
func (u *unread) kindText() string {
	if u.since == "" {
		return fmt.Sprintf("%s (%q)", u.name, u.code)
	}
	return fmt.Sprintf("%s (%q, since Faiss %s)", u.name, u.code, u.since)
}

const intoFlat = "write the vectors that it was made from into a Flat index (faiss.IndexFlat, in an IndexIDMap2 " +
	"where they have ids) with " +
	"faiss.write_index"

// unreadError is the error of a file that is sound, as far as its structure was read, and whose rows this package
// does not read. Faiss itself may be able to.
type unreadError struct {
	unread
	path string
	info Info // Kind and Lossy at least
}

func (e *unreadError) Error() string {
	switch {
	case e.lost && e.name == "":
		return fmt.Sprintf("%s: the index is %s, but %s", e.path, e.info.Kind, e.why)
	case e.name == "":
		return fmt.Sprintf("%s: the index is %s, which is not read directly: %s; %s", e.path, e.info.Kind, e.why,
			intoFlat)
	case e.why != "":
		if e.info.Kind == e.name {
			return fmt.Sprintf("%s: the index is %s, which is not read directly: %s; %s", e.path, e.kindText(), e.why,
				intoFlat)
		}
		return fmt.Sprintf("%s: the index is %s with %s, which is not read directly: %s; %s", e.path, e.info.Kind,
			e.kindText(), e.why, intoFlat)
	case e.info.Kind == e.name:
		return fmt.Sprintf("%s: the index is %s, a kind that is not read directly; %s", e.path, e.kindText(), intoFlat)
	}
	return fmt.Sprintf("%s: the index is %s; %s is a kind that is not read directly; %s", e.path, e.info.Kind,
		e.kindText(), intoFlat)
}

// tooNewFor says whether the kind came with a Faiss after the given version.
func (u *unread) tooNewFor(version string) bool { return newer(u.since, version) }

// newer compares versions as "1.11.0"; "" is older than all.
func newer(a, b string) bool {
	var x, y [3]int
	for version, v := range map[string]*[3]int{a: &x, b: &y} {
		_, _ = fmt.Sscanf(version, "%d.%d.%d", &v[0], &v[1], &v[2]) // what is missing stays 0
	}
	for i := range x {
		if x[i] != y[i] {
			return x[i] > y[i]
		}
	}
	return false
}

// closed makes the node of a kind whose structure was read and whose rows are not.
func (d *decoder) closed(n Info, code string) *node {
	if d.err != nil {
		return nil
	}
	k := kinds[code]
	n.Kind = k.name
	return &node{Info: n, losses: []string{k.name + " keeps an approximation of each vector"},
		unread: &unread{code: code, name: k.name, since: k.since}}
}

// unknown fails at an index of a kind whose structure is not known here.
func (d *decoder) unknown(at int64, code string, k kind) {
	switch known := k.name != ""; {
	case !known && !codeLike(code):
		d.corrupt(at, "%q is not the kind of a Faiss index", code)
	case !known:
		d.fail(fault.Unsupported, at, "%q is not a kind of index that Faiss %s writes: the file is of a newer Faiss, "+
			"or it is damaged; %s",
			code, newestFaiss, intoFlat)
	case d.quantizer != "":
		d.fail(fault.Unsupported, at, "the coarse quantizer of %s is %s, which can't be passed over; %s",
			d.quantizer, (&unread{code: code, name: k.name, since: k.since}).kindText(), intoFlat)
	default:
		kind := strings.Join(append(d.within[:len(d.within)-1:len(d.within)-1], k.name), " over ")
		d.err = fault.New(fault.Unsupported, "%w", &unreadError{
			unread: unread{code: code, name: k.name, since: k.since}, path: d.name,
			info: Info{Kind: kind, Lossy: k.name + " may keep an approximation of each vector",
				Binary: strings.HasPrefix(code, "IB")},
		})
	}
}

// codeLike says whether code looks like those of Faiss's indexes.
func codeLike(code string) bool {
	for _, c := range []byte(code) {
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return code[0] == 'I' || code[0] == 'N'
}
