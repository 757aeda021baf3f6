package faiss

import (
	"fmt"
	"strings"

	"milvusdm/internal/fault"
)

// The file format is that of faiss/impl/index_write.cpp: a four-character code for the kind, a header, the parts of the
// kind, each index it is made of written in the same way in its place. All is little-endian; there is no version
// number and no checksum.

// file reads the index that a file is made of.
func (d *decoder) file() *node {
	if d.left() >= 4 {
		magic := string(d.next(4, ""))
		d.off = 0
		if what := foreign(magic); what != "" {
			d.corrupt(0, "%s", what)
			return &node{}
		}
		if strings.HasPrefix(magic, "IB") {
			return d.binaryIndex()
		}
	}
	return d.index()
}

// index reads a float index. On an error it returns an empty node.
func (d *decoder) index() *node {
	return d.nested(func(kind string) *node {
		switch kind {
		case "IxF2", "IxFI", "IxFl":
			return d.flat()
		case "IxMp":
			return d.idMap("IDMap", d.header, d.index)
		case "IxM2":
			return d.idMap("IDMap2", d.header, d.index)
		case "IwFl":
			return d.ivfFlat()
		case "IwSq", "IwSQ":
			return d.ivfScalar(kind)
		case "IwPQ":
			return d.ivfProduct()
		case "IHNf", "IHNs", "IHNp", "IH00":
			return d.hnsw("HNSW", d.header, d.index)
		case "IxRF":
			return d.refine()
		case "IxSQ":
			return d.scalar()
		case "IxPq", "IxPo", "IxPQ":
			return d.product(kind)
		case "IxPT":
			return d.preTransform()
		}
		return nil
	})
}

// binaryIndex reads a binary index. On an error it returns an empty node.
func (d *decoder) binaryIndex() *node {
	return d.nested(func(kind string) *node {
		switch kind {
		case "IBxF":
			return d.binaryFlat()
		case "IBwF":
			return d.binaryIVF()
		case "IBHf":
			return d.hnsw("BinaryHNSW", d.binaryHeader, d.binaryIndex)
		case "IBMp":
			return d.idMap("BinaryIDMap", d.binaryHeader, d.binaryIndex)
		case "IBM2":
			return d.idMap("BinaryIDMap2", d.binaryHeader, d.binaryIndex)
		}
		return nil
	})
}

func (d *decoder) nested(read func(kind string) *node) *node {
	at := d.off
	kind := d.fourCC()
	if d.depth++; d.depth > maxDepth {
		d.corrupt(at, "more than %d indexes nested in each other", maxDepth)
	}
	defer func() { d.depth-- }()
	if d.err != nil {
		return &node{}
	}
	n := read(kind)
	if n == nil && d.err == nil {
		d.unknown(at, kind)
	}
	if d.err != nil {
		return &node{}
	}
	return n
}

// otherKinds are kinds that Faiss writes and this package does not read.
var otherKinds = map[string]string{
	"null": "a part of the index that was not saved with it",
	"IxFP": "FlatL2Panorama", "IxFp": "FlatIPPanorama", "IxHe": "LSH", "IxHE": "LSH", "IxLa": "Lattice",
	"IxRq": "ResidualQuantizer", "IxRQ": "ResidualQuantizer", "IxLS": "LocalSearchQuantizer",
	"IxPR": "ProductResidualQuantizer", "IxPL": "ProductLocalSearchQuantizer", "ImRQ": "ResidualCoarseQuantizer",
	"Imiq": "MultiIndexQuantizer", "Ix2L": "2Layer", "IxRP": "RefinePanorama", "IPfs": "PQFastScan",
	"ILfs": "LocalSearchQuantizerFastScan", "IRfs": "ResidualQuantizerFastScan",
	"IPLf": "ProductLocalSearchQuantizerFastScan", "IPRf": "ProductResidualQuantizerFastScan",
	"IRMh": "RowwiseMinMaxFP16", "IRMf": "RowwiseMinMax",
	"IvFl": "IVFFlat (before 2019)", "IvFL": "IVFFlat (before 2019)", "IvPQ": "IVFPQ (before 2019)",
	"IvQR": "IVFPQR (before 2019)", "IvSQ": "IVFScalarQuantizer (before 2019)",
	"IwFd": "IVFFlatDedup", "IwPn": "IVFFlatPanorama", "IwP2": "IVFFlatPanorama", "IwQR": "IVFPQR", "IwPf": "IVFPQFastScan",
	"IwSh": "IVFSpectralHash", "IwIQ": "IVFIndependentQuantizer", "IwLS": "IVFLocalSearchQuantizer",
	"IwRQ": "IVFResidualQuantizer", "IwPL": "IVFProductLocalSearchQuantizer", "IwPR": "IVFProductResidualQuantizer",
	"IVLf": "IVFLocalSearchQuantizerFastScan", "IVRf": "IVFResidualQuantizerFastScan",
	"NPLf": "IVFProductLocalSearchQuantizerFastScan", "NPRf": "IVFProductResidualQuantizerFastScan",
	"IHN2": "HNSW2Level", "IHNc": "HNSWCagra", "IHc2": "HNSWCagra", "IHfP": "HNSWFlatPanorama",
	"INSf": "NSGFlat", "INSp": "NSGPQ", "INSs": "NSGSQ", "INNf": "NNDescentFlat",
	"Ixrq": "RaBitQ", "Ixrr": "RaBitQ", "Irfs": "RaBitQFastScan", "Irfn": "RaBitQFastScan", "Iwrq": "IVFRaBitQ",
	"Iwrr": "IVFRaBitQ", "Iwrf": "IVFRaBitQFastScan", "Iwrn": "IVFRaBitQFastScan",
	"IxEd": "EDEN", "IxEe": "EDEN", "IwEd": "IVFEDEN", "IwEe": "IVFEDEN",
	"ILVQ": "SVSVamanaLVQ", "ISVL": "SVSVamanaLeanVec", "ISVD": "SVSVamana", "ISV2": "SVSVamana", "ISVF": "SVSFlat",
	"ISIQ": "SVSIVFLVQ", "ISIL": "SVSIVFLeanVec", "ISID": "SVSIVF",
	"IBFf": "BinaryFromFloat", "IBHc": "BinaryHNSWCagra", "IBHh": "BinaryHash", "IBHm": "BinaryMultiHash",
}

// exactKinds are those of otherKinds that keep float vectors as they are and that Faiss gives back.
var exactKinds = map[string]bool{"INSf": true, "INNf": true}

// outline names what a file holds that this package does not read, and says whether vectors are kept in it as they were.
func (in *input) outline() (kind string, exact bool) {
	d := &decoder{input: in}
	prefix := ""
	code := d.fourCC()
	for range maxDepth {
		if code != "IxMp" && code != "IxM2" {
			break
		}
		prefix += "IDMap over "
		d.header()
		code = d.fourCC()
	}
	name := otherKinds[code]
	if name == "" {
		name = fmt.Sprintf("%q", code)
	}
	return prefix + name, exactKinds[code]
}

func (d *decoder) unknown(at int64, kind string) {
	switch name, known := otherKinds[kind]; {
	case known:
		d.unsupported(at, fmt.Sprintf("%q, %s", kind, name))
	case kind[0] == 'I' && printable(kind) && at == 0:
		d.unsupported(at, fmt.Sprintf("%q, perhaps of a newer Faiss", kind))
	default:
		d.corrupt(at, "%q is not the kind of a Faiss index", kind)
	}
}

// unsupported fails with what is there but not read, named with its four-character code.
func (d *decoder) unsupported(at int64, what string) {
	d.fail(fault.Unsupported, at, "index kind %s is not read directly; write the vectors into a Flat index (faiss.IndexFlat, with IDMap where they have ids)", what)
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// foreign names a well-known format that is not Faiss's by its first bytes.
func foreign(magic string) string {
	switch {
	case magic == "\x89HDF":
		return "this is an HDF5 file; name it as a hdf5 source"
	case magic == "\x93NUM":
		return "this is a NumPy array, not a Faiss index"
	case magic == "PK\x03\x04", strings.HasPrefix(magic, "\x1f\x8b"), magic == "\x28\xb5\x2f\xfd":
		return "this is a compressed file; unpack it first"
	}
	return ""
}
