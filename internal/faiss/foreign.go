package faiss

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"

	"milvusdm/internal/fault"
)

// looked is how much of a file's beginning is looked at to name what it is.
const looked = 4 << 10

// foreign says what a file is that does not begin as an index does, and what to do with it; "" if it is not known.
func (d *decoder) foreign() string {
	head := make([]byte, min(looked, d.size))
	if d.err = d.read(head, 0); d.err != nil {
		return ""
	}
	begin := func(magics ...string) bool {
		for _, m := range magics {
			if strings.HasPrefix(string(head), m) {
				return true
			}
		}
		return false
	}
	switch {
	case begin("\x89HDF"):
		return "this is an HDF5 file, not a Faiss index; read it as HDF5 (a source hdf5, or the task H2M)"
	case begin("\x93NUMPY"):
		return "this is a NumPy array, not a Faiss index; if it holds vectors, put them into an index and write " +
			"that: faiss.write_index(INDEX, \"x.faiss\"); if it holds a serialized index: " +
			"faiss.write_index(faiss.deserialize_index(numpy.load(FILE)), \"x.faiss\")"
	case begin("PK\x03\x04", "PK\x05\x06"):
		return "this is a ZIP archive (so are .npz files of NumPy and .pt files of PyTorch), not a Faiss index; " +
			"unpack it, or write the index with faiss.write_index"
	case begin("\x1f\x8b"):
		return "this is a gzip file, not a Faiss index; unpack it first: gunzip -k FILE"
	case begin("\x28\xb5\x2f\xfd"):
		return "this is a Zstandard file, not a Faiss index; unpack it first: zstd -d FILE"
	case begin("BZh", "\xfd7zXZ", "\x04\x22\x4d\x18", "7z\xbc\xaf"):
		return "this is a compressed file, not a Faiss index; unpack it first"
	case len(head) > 262 && string(head[257:262]) == "ustar":
		return "this is a tar archive, not a Faiss index; unpack it first: tar xf FILE"
	case pickled(head):
		return d.pickle()
	case begin("PAR1"):
		return "this is a Parquet file, not a Faiss index; put its vectors into an index and write that with " +
			"faiss.write_index"
	case begin("ARROW1"):
		return "this is an Arrow file, not a Faiss index; put its vectors into an index and write that with " +
			"faiss.write_index"
	case begin("SQLite format 3"):
		return "this is an SQLite database, not a Faiss index; the index that belongs to it is a file of its own: " +
			"name that"
	case begin("version https://git-lfs"):
		return "this is a Git LFS pointer, not the Faiss index itself; fetch the index with: git lfs pull"
	case begin("\x3f\xd7\x6c\x17"):
		return "this is a file of Lucene, not a Faiss index; the k-NN plugin of OpenSearch keeps the indexes of a " +
			"segment in files NAME.faiss"
	case begin("rrot", "LTra", "Pcam", "PcAm", "PCAm", "VNrm", "VCnt", "RmDT", "Viqm", "Viqt", "HRot"):
		return "this is a transform that Faiss wrote alone, not an index: there are no vectors in it; write the " +
			"index with faiss.write_index"
	case begin("ilar", "ilod", "ilbl", "ilpn", "ilp2", "il00"):
		return "these are inverted lists that Faiss wrote alone, not an index; write the index with faiss.write_index"
	case textual(head):
		return fmt.Sprintf("this is text (it begins with %q), not a Faiss index; put its vectors into an index and "+
			"write that with faiss.write_index",
			firstWords(head))
	}
	return ""
}

// pickled reports whether a file begins as Python's pickles of protocol 2 and later do.
func pickled(head []byte) bool {
	return len(head) > 2 && head[0] == 0x80 && head[1] >= 2 && head[1] <= 5
}

// pickle says what to do with a pickle. LangChain writes one beside the index, and one that holds the index.
func (d *decoder) pickle() string {
	const is = "this is a Python pickle, not a Faiss index; "
	beside := strings.TrimSuffix(d.name, filepath.Ext(d.name)) + ".faiss"
	if _, err := os.Stat(beside); err == nil && beside != d.name {
		return is + "the index is probably in " + filepath.Base(beside) + " beside it: name that"
	}
	return is + "load it in Python and write the index that it holds: faiss.write_index(INDEX, \"x.faiss\") " +
		"(LangChain: faiss.write_index(FAISS.deserialize_from_bytes(...).index, \"x.faiss\"))"
}

// textual reports whether the beginning of a file is text.
func textual(head []byte) bool {
	for len(head) > 0 && !utf8.FullRune(head) {
		head = head[:len(head)-1]
	}
	for i := 0; i < len(head); {
		r, size := utf8.DecodeRune(head[i:])
		if r == utf8.RuneError && size == 1 && i < len(head)-utf8.UTFMax || r < ' ' && r != '\t' && r != '\n' &&
			r != '\r' || r == 0x7f {
			return false
		}
		i += size
	}
	return len(head) >= 8
}

func firstWords(head []byte) string {
	line, _, _ := strings.Cut(strings.ToValidUTF8(string(head), "?"), "\n")
	if r := []rune(line); len(r) > 40 {
		return string(r[:40]) + "..."
	}
	return strings.TrimSpace(line)
}

// luceneFooter is what Lucene writes behind every file (CodecUtil.writeFooter), and with it the k-NN plugin of
// OpenSearch behind the Faiss index of a segment: a magic number, the number 0 for CRC-32, and the checksum of all
// that precedes it.
const (
	luceneFooter = "\xc0\x28\x93\xe8\x00\x00\x00\x00"
	luceneName   = "a footer of Lucene"
)

// footer names what follows the index, and fails if that is not known.
func (d *decoder) footer() string {
	if d.err != nil || d.left() == 0 {
		return ""
	}
	tail := make([]byte, min(d.left(), 256))
	if d.err = d.read(tail, d.off); d.err != nil {
		return ""
	}
	if d.left() == 16 && strings.HasPrefix(string(tail), luceneFooter) {
		return luceneName
	}
	d.fail(fault.Unsupported, d.off, "the index ends here, and %d bytes follow it, %s", d.left(), d.trailing(tail))
	return ""
}

// trailing says what bytes behind an index are, and what to do.
func (d *decoder) trailing(tail []byte) string {
	if len(tail) >= 4 {
		k, ok := kinds[string(tail[:4])]
		if !ok {
			k, ok = binaryKinds[string(tail[:4])]
		}
		if ok {
			return fmt.Sprintf("which begin as another index (%s); write each index to a file of its own with "+
				"faiss.write_index", k.name)
		}
	}
	what := fmt.Sprintf("which begin with %q", tail[:min(len(tail), 8)])
	if strings.Trim(string(tail), "\x00") == "" {
		what = "which are zero"
	}
	return fmt.Sprintf("%s and are not the index's; if another program added them, cut them off: head -c %d FILE > "+
		"NEW.faiss", what, d.off)
}

// checksum compares a file with the checksum in its footer. The index may come from the same place, but only this tells
// whether it arrived whole.
func (d *decoder) checksum(ctx context.Context, report func(string)) error {
	const sumBytes = 8
	sum, buf := crc32.NewIEEE(), make([]byte, 1<<20)
	end := d.size - sumBytes
	for off := int64(0); off < end; {
		if err := ctx.Err(); err != nil {
			return err
		}
		report(fmt.Sprintf("checking the checksum of %s: %d of %d bytes", d.name, off, end))
		p := buf[:min(int64(len(buf)), end-off)]
		if err := d.read(p, off); err != nil {
			return err
		}
		_, _ = sum.Write(p) // a hash takes everything
		off += int64(len(p))
	}
	var stored [sumBytes]byte
	if err := d.read(stored[:], end); err != nil {
		return err
	}
	if got, want := uint64(sum.Sum32()), binary.BigEndian.Uint64(stored[:]); got != want {
		return fault.New(fault.Corrupt, "%s: the checksum in %s is %08x, and that of the file is %08x; the file is "+
			"damaged: copy it again", d.name, luceneName, want, got)
	}
	return nil
}
