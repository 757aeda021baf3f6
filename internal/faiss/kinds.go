package faiss

import "milvusdm/internal/fault"

// The file format is that of faiss/impl/index_write.cpp: a four-character code for the kind, a header, the parts of the
// kind, each index it is made of written in the same way in its place. All is little-endian; there is no version
// number and no checksum.

// kind is a kind of index that Faiss writes.
type kind struct {
	name  string // Faiss's, without "Index" before it
	since string // the first Faiss that has it, where that is newer than 1.7.3
	// read reads the structure behind the code, and makes a node whose rows can be read, or one that says why they
	// can't. Nil: the structure is not known.
	read func(d *decoder, code string) *node
}

// kinds are all codes of indexes that index_read.cpp of Faiss 1.15.1 knows. It is filled by init, since the readers
// use it.
var kinds map[string]kind

func init() {
	own := func(read func(*decoder) *node) func(*decoder, string) *node {
		return func(d *decoder, _ string) *node { return read(d) }
	}
	hnsw := func(before func(*decoder)) func(*decoder, string) *node {
		return func(d *decoder, code string) *node {
			return d.hnsw(kinds[code].name, (*decoder).header, (*decoder).index, before)
		}
	}
	idMap := func(d *decoder, code string) *node { return d.idMap(kinds[code].name, d.header, d.index) }
	kinds = map[string]kind{
		"null": {"no index", "", own((*decoder).missing)},

		"IxF2": {"Flat", "", own((*decoder).flat)},
		"IxFI": {"Flat", "", own((*decoder).flat)},
		"IxFl": {"Flat", "", own((*decoder).flat)},
		"IxFP": {"FlatL2Panorama", "1.13.1", (*decoder).flatPanorama},
		"IxFp": {"FlatIPPanorama", "1.14.0", (*decoder).flatPanorama},
		"IxMp": {"IDMap", "", idMap},
		"IxM2": {"IDMap2", "", idMap},
		"IxRF": {"Refine", "", (*decoder).refine},
		"IxRP": {"RefinePanorama", "1.13.2", (*decoder).refine},
		"IxPT": {"PreTransform", "", own((*decoder).preTransform)},
		"IxSQ": {"ScalarQuantizer", "", own((*decoder).scalar)},
		"IxPq": {"PQ", "", (*decoder).product},
		"IxPo": {"PQ", "", (*decoder).product},
		"IxPQ": {"PQ", "", (*decoder).product},
		"Imiq": {"MultiIndexQuantizer", "", own((*decoder).multiIndex)},

		"IwFl": {"IVFFlat", "", own((*decoder).ivfFlat)},
		"IwP2": {"IVFFlatPanorama", "1.13.0", (*decoder).ivfPanorama},
		"IwPn": {"IVFFlatPanorama", "1.13.0", (*decoder).ivfPanorama},
		"IwSq": {"IVFScalarQuantizer", "", (*decoder).ivfScalar},
		"IwSQ": {"IVFScalarQuantizer", "", (*decoder).ivfScalar},
		"IwPQ": {"IVFPQ", "", own((*decoder).ivfProduct)},

		"IHNf": {"HNSWFlat", "", hnsw(nil)},
		"IHNs": {"HNSWSQ", "", hnsw(nil)},
		"IHNp": {"HNSWPQ", "", hnsw(nil)},
		"IH00": {"HNSW", "", hnsw(nil)},
		"IHN2": {"HNSW2Level", "", hnsw(nil)},
		"IHfP": {"HNSWFlatPanorama", "1.13.2", hnsw((*decoder).graphSums)},
		"IHNc": {"HNSWCagra", "1.10.0", hnsw((*decoder).cagra)},
		"IHc2": {"HNSWCagra", "1.12.0", hnsw((*decoder).cagra2)},
		"INSf": {"NSGFlat", "", (*decoder).nsg},
		"INSp": {"NSGPQ", "", (*decoder).nsg},
		"INSs": {"NSGSQ", "", (*decoder).nsg},
		"INNf": {"NNDescentFlat", "", (*decoder).nnDescent},

		"IxHe": {"LSH", "", (*decoder).lsh},
		"IxHE": {"LSH", "", (*decoder).lsh},
		"IxLa": {"Lattice", "", (*decoder).lattice},
		"Ix2L": {"2Layer", "", (*decoder).twoLayer},
		"IPfs": {"PQFastScan", "", (*decoder).productFastScan},
		"IRMf": {"RowwiseMinMax", "", (*decoder).rowwise},
		"IRMh": {"RowwiseMinMaxFP16", "", (*decoder).rowwise},
		"IxRq": {"ResidualQuantizer", "", (*decoder).additive},
		"IxRQ": {"ResidualQuantizer", "", nil},
		"IxLS": {"LocalSearchQuantizer", "", (*decoder).additive},
		"IxPR": {"ProductResidualQuantizer", "", (*decoder).additive},
		"IxPL": {"ProductLocalSearchQuantizer", "", (*decoder).additive},
		"ImRQ": {"ResidualCoarseQuantizer", "", (*decoder).additiveCoarse},
		"IRfs": {"ResidualQuantizerFastScan", "", (*decoder).additiveFastScan},
		"ILfs": {"LocalSearchQuantizerFastScan", "", (*decoder).additiveFastScan},
		"IPRf": {"ProductResidualQuantizerFastScan", "", (*decoder).additiveFastScan},
		"IPLf": {"ProductLocalSearchQuantizerFastScan", "", (*decoder).additiveFastScan},
		"IwRQ": {"IVFResidualQuantizer", "", (*decoder).ivfAdditive},
		"IwLS": {"IVFLocalSearchQuantizer", "", (*decoder).ivfAdditive},
		"IwPR": {"IVFProductResidualQuantizer", "", (*decoder).ivfAdditive},
		"IwPL": {"IVFProductLocalSearchQuantizer", "", (*decoder).ivfAdditive},
		"IVRf": {"IVFResidualQuantizerFastScan", "", (*decoder).ivfAdditiveFastScan},
		"IVLf": {"IVFLocalSearchQuantizerFastScan", "", (*decoder).ivfAdditiveFastScan},
		"NPRf": {"IVFProductResidualQuantizerFastScan", "", (*decoder).ivfAdditiveFastScan},
		"NPLf": {"IVFProductLocalSearchQuantizerFastScan", "", (*decoder).ivfAdditiveFastScan},
		"IwPf": {"IVFPQFastScan", "", (*decoder).ivfProductFastScan},
		"IwQR": {"IVFPQR", "", (*decoder).ivfProductRefined},
		"IwSh": {"IVFSpectralHash", "", (*decoder).ivfSpectral},
		"IwFd": {"IVFFlatDedup", "", (*decoder).ivfDedup},
		"IwIQ": {"IVFIndependentQuantizer", "1.7.4", (*decoder).ivfIndependent},

		// Faiss 1.13.0 and 1.13.1 wrote different things behind Irfs and Iwrf
		"Ixrq": {"RaBitQ", "1.11.0", (*decoder).rabitq},
		"Ixrr": {"RaBitQ", "1.13.1", (*decoder).rabitq},
		"Irfs": {"RaBitQFastScan", "1.13.0", nil},
		"Irfn": {"RaBitQFastScan", "1.14.2", (*decoder).rabitqFastScan},
		"Iwrq": {"IVFRaBitQ", "1.11.0", (*decoder).ivfRabitq},
		"Iwrr": {"IVFRaBitQ", "1.13.1", (*decoder).ivfRabitq},
		"Iwrf": {"IVFRaBitQFastScan", "1.13.0", nil},
		"Iwrn": {"IVFRaBitQFastScan", "1.14.2", (*decoder).ivfRabitqFastScan},
		"IxEd": {"EDEN", "1.15.0", (*decoder).eden},
		"IxEe": {"EDEN", "1.15.0", (*decoder).eden},
		"IwEd": {"IVFEDEN", "1.15.0", (*decoder).ivfEden},
		"IwEe": {"IVFEDEN", "1.15.0", (*decoder).ivfEden},

		"ILVQ": {"SVSVamanaLVQ", "1.13.0", nil},
		"ISVL": {"SVSVamanaLeanVec", "1.13.0", nil},
		"ISVD": {"SVSVamana", "1.13.0", nil},
		"ISV2": {"SVSVamana", "1.14.3", nil},
		"ISVF": {"SVSFlat", "1.13.0", nil},
		"ISIQ": {"SVSIVFLVQ", "1.14.2", nil},
		"ISIL": {"SVSIVFLeanVec", "1.14.2", nil},
		"ISID": {"SVSIVF", "1.14.2", nil},

		// written before 2019
		"IvFl": {"IVFFlat of Faiss before 1.5", "", nil},
		"IvFL": {"IVFFlat of Faiss before 1.5", "", nil},
		"IvPQ": {"IVFPQ of Faiss before 1.5", "", nil},
		"IvQR": {"IVFPQR of Faiss before 1.5", "", nil},
		"IvSQ": {"IVFScalarQuantizer of Faiss before 1.5", "", nil},
	}
}

// binaryKinds are those of binary indexes.
var binaryKinds map[string]kind

func init() {
	binaryIDMap := func(d *decoder, code string) *node {
		return d.idMap(binaryKinds[code].name, d.binaryHeader, d.binaryIndex)
	}
	hnsw := func(before func(*decoder)) func(*decoder, string) *node {
		return func(d *decoder, code string) *node {
			return d.hnsw(binaryKinds[code].name, (*decoder).binaryHeader, (*decoder).binaryIndex, before)
		}
	}
	binaryKinds = map[string]kind{
		"IBxF": {"BinaryFlat", "", func(d *decoder, _ string) *node { return d.binaryFlat() }},
		"IBwF": {"BinaryIVF", "", func(d *decoder, _ string) *node { return d.binaryIVF() }},
		"IBHf": {"BinaryHNSW", "", hnsw(nil)},
		"IBHc": {"BinaryHNSWCagra", "1.12.0", hnsw((*decoder).cagra)},
		"IBMp": {"BinaryIDMap", "", binaryIDMap},
		"IBM2": {"BinaryIDMap2", "", binaryIDMap},
		"IBHm": {"BinaryMultiHash", "", (*decoder).binaryMultiHash},
		"IBHh": {"BinaryHash", "", nil},
		"IBFf": {"BinaryFromFloat", "", nil},
	}
}

// file reads the index that a file is made of.
func (d *decoder) file() *node {
	if d.left() >= 4 {
		magic := string(d.next(4, ""))
		d.off = 0
		if _, binary := binaryKinds[magic]; binary {
			return d.binaryIndex()
		}
		if _, known := kinds[magic]; !known {
			if what := d.foreign(); what != "" {
				d.err = fault.New(fault.Unsupported, "%s: %s", d.name, what)
				return &node{}
			}
		}
	}
	return d.index()
}

// index reads a float index. On an error it returns an empty node.
func (d *decoder) index() *node { return d.nested(kinds) }

// binaryIndex reads a binary index. On an error it returns an empty node.
func (d *decoder) binaryIndex() *node { return d.nested(binaryKinds) }

func (d *decoder) nested(of map[string]kind) *node {
	at := d.off
	code := d.fourCC()
	if d.err == nil && len(d.within) == maxDepth {
		d.corrupt(at, "more than %d indexes nested in each other", maxDepth)
	}
	if d.err != nil {
		return &node{}
	}
	k := of[code]
	d.within = append(d.within, k.name)
	defer func() { d.within = d.within[:len(d.within)-1] }()
	if k.read == nil {
		d.unknown(at, code, k)
		return &node{}
	}
	n := k.read(d, code)
	if d.err != nil || n == nil {
		return &node{}
	}
	return n
}

// missing reads the mark of an index that was not saved.
func (d *decoder) missing() *node {
	return &node{Info: Info{Kind: "an index"}, unread: &unread{lost: true,
		why: "the part that holds the vectors was not saved with it"}}
}
