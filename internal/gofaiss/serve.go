//go:build gofaiss

package gofaiss

/*
#include <faiss/c_api/IndexIVF_c.h>
#include <faiss/c_api/IndexPreTransform_c.h>
#include <faiss/c_api/Index_c.h>
#include <faiss/c_api/MetaIndexes_c.h>
#include <faiss/c_api/error_c.h>

extern const int milvusdm_faiss_version[3];
*/
import "C"

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"unsafe"

	gofaiss "github.com/DataIntelligenceCrew/go-faiss"

	"milvusdm/internal/faiss"
)

var shared = newHelper("", linked())

// linked is the version of the Faiss that is linked.
func linked() string {
	v := C.milvusdm_faiss_version
	return fmt.Sprintf("%d.%d.%d", v[0], v[1], v[2])
}

// Helper returns what reads indexes in child processes of this program, which has to call [Run] first of all.
func Helper() faiss.Helper { return shared }

// Run does the work of a child if args, the program's arguments with its name, say that it is one; then the program
// ends with code.
func Run(args []string) (code int, ok bool) {
	if len(args) != 6 || args[1] != command {
		return 0, false
	}
	if err := serve(args[2:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1, true
	}
	return 0, true
}

func serve(args []string) error {
	runtime.LockOSThread() // Faiss keeps the text of an error per thread
	// when memory runs out, this process is to go and not the worker; without /proc there is no choice
	_ = os.WriteFile("/proc/self/oom_score_adj", []byte("1000"), 0)
	first, err1 := strconv.ParseInt(args[1], 10, 64)
	count, err2 := strconv.ParseInt(args[2], 10, 64)
	if err := errors.Join(err1, err2); err != nil {
		return err
	}
	w := bufio.NewWriterSize(os.NewFile(channel, "channel"), 256<<10)
	err := send(w, args[0], first, count, args[3])
	var f failure
	if errors.As(err, &f) {
		err = writeJSON(w, frameError, f)
	}
	return errors.Join(err, w.Flush())
}

func (f failure) Error() string { return f.Text }

func writeJSON(w *bufio.Writer, kind byte, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, b)
}

func send(w *bufio.Writer, path string, first, count int64, mode string) error {
	x, err := open(path)
	if err != nil {
		return err
	}
	if x.Rows > 0 && mode != modeVectors { // said at once, if the kind can't give its vectors back
		if err := x.reconstruct(0, make([]float32, x.Dim)); err != nil {
			return err
		}
	}
	if err := writeJSON(w, frameInfo, x.info); err != nil {
		return err
	}
	if first < 0 || count < 0 || first > x.Rows || count > x.Rows-first {
		return failure{Text: fmt.Sprintf("rows %d to %d of %d", first, first+count, x.Rows)}
	}
	if err := x.send(w, first, first+count, mode == modeVectors); err != nil {
		return err
	}
	return writeFrame(w, frameEnd)
}

// index is an index that Faiss has loaded, whose row i has id i, but for a map of ids around it.
type index struct {
	info
	ptr *C.FaissIndex // what holds the rows
	ids []int64       // the map's; nil: none
	// scans: asking for rows goes through all of the index, however few they are.
	scans bool
}

func open(path string) (*index, error) {
	loaded, err := gofaiss.ReadIndex(path, 0)
	if err != nil {
		return nil, refusal(err.Error())
	}
	x := &index{ptr: pointer(loaded)}
	if m := C.faiss_IndexIDMap_cast(x.ptr); m != nil {
		var ids *C.idx_t
		var n C.size_t
		C.faiss_IndexIDMap_id_map(m, &ids, &n)
		x.ids = unsafe.Slice((*int64)(unsafe.Pointer(ids)), int(n))
		x.IDs = true
		x.ptr = C.faiss_IndexIDMap_sub_index(m)
		if C.faiss_IndexIDMap_cast(x.ptr) != nil {
			return nil, failure{Unsupported: true, Text: "an IDMap in an IDMap"}
		}
	}
	x.Rows, x.Dim = int64(C.faiss_Index_ntotal(x.ptr)), int(C.faiss_Index_d(x.ptr))
	x.Metric = int32(loaded.MetricType())
	if x.IDs && int64(len(x.ids)) != x.Rows {
		return nil, failure{Text: fmt.Sprintf("%d ids for %d rows", len(x.ids), x.Rows)}
	}
	return x, x.checkIDs()
}

// checkIDs refuses an IVF index with ids of its own: Faiss gives rows back by id, and can't say which ids there are in
// what order.
func (x *index) checkIDs() error {
	inner := x.ptr
	for {
		t := C.faiss_IndexPreTransform_cast(inner)
		if t == nil {
			break
		}
		inner = C.faiss_IndexPreTransform_index(t)
	}
	ivf := C.faiss_IndexIVF_cast(inner)
	if ivf == nil {
		return nil
	}
	x.scans = true
	seen := make([]bool, x.Rows)
	var ids []C.idx_t
	for list := range C.faiss_IndexIVF_nlist(ivf) {
		n := int(C.faiss_IndexIVF_get_list_size(ivf, list))
		if n == 0 {
			continue
		}
		if cap(ids) < n {
			ids = make([]C.idx_t, n)
		}
		C.faiss_IndexIVF_invlists_get_ids(ivf, list, &ids[0])
		for _, id := range ids[:n] {
			if id < 0 || int64(id) >= x.Rows || seen[id] {
				return failure{Unsupported: true, Text: "an IVF index with ids of its own, whose rows Faiss does not give back in order"}
			}
			seen[id] = true
		}
	}
	return nil
}

// pointer gets at the C pointer, which go-faiss keeps to itself.
func pointer(i *gofaiss.IndexImpl) *C.FaissIndex {
	return (*C.FaissIndex)(reflect.ValueOf(i.Index).Elem().FieldByName("idx").UnsafePointer())
}

// refusal sorts what Faiss says.
func refusal(text string) failure {
	unsupported := strings.Contains(text, "not recognized") || strings.Contains(text, "not implemented") || strings.Contains(text, "bad_alloc")
	return failure{Unsupported: unsupported, Text: strings.TrimSpace(place.ReplaceAllString(text, ""))}
}

// place is how Faiss begins an error: with function, file and line.
var place = regexp.MustCompile(`^Error in .* at \S+:\d+: (Error: )?`)

// reconstruct fills dst with the vectors of consecutive rows from first on.
func (x *index) reconstruct(first int64, dst []float32) error {
	if C.faiss_Index_reconstruct_n(x.ptr, C.idx_t(first), C.idx_t(len(dst)/x.Dim), (*C.float)(&dst[0])) != 0 {
		return refusal(C.GoString(C.faiss_get_last_error()))
	}
	return nil
}

// send writes rows [row, end).
func (x *index) send(w *bufio.Writer, row, end int64, vectors bool) error {
	perFrame := int64(frameBytes / (x.Dim*4 + 8))
	block := max(perFrame, 1)
	if x.scans {
		block = max(32*perFrame, 1)
	}
	var buf []float32
	if vectors {
		buf = make([]float32, min(block, end-row)*int64(x.Dim))
	}
	for row < end {
		n := min(block, end-row)
		if vectors {
			if err := x.reconstruct(row, buf[:n*int64(x.Dim)]); err != nil {
				return err
			}
		}
		for at := int64(0); at < n; {
			k := min(max(perFrame, 1), n-at)
			var ids, rows []byte
			if x.IDs {
				ids = bytesOf(x.ids[row+at : row+at+k])
			}
			if vectors {
				rows = bytesOf(buf[at*int64(x.Dim) : (at+k)*int64(x.Dim)])
			}
			if len(ids)+len(rows) > 0 {
				if err := writeFrame(w, frameRows, ids, rows); err != nil {
					return err
				}
			}
			at += k
		}
		row += n
	}
	return nil
}
