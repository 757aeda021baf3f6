package faiss

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// transform is a VectorTransform that can be undone, as far as Faiss undoes it.
type transform struct {
	name    string
	in, out int
	// undo computes x (in elements) from y (out elements); the two do not overlap.
	undo func(x, y []float32)
	// loss says why x is not exactly what was transformed; "" when it is.
	loss       string
	lost       string // why it can't be undone at all
	normalizes bool
}

// preTransform reads IndexPreTransform: vectors went through a chain of transforms into another index.
func (d *decoder) preTransform() *node {
	at := d.off
	n := d.header()
	count := d.int32("the number of transforms")
	if d.err == nil && (count < 0 || count > maxDepth) {
		d.corrupt(at, "a chain of %d transforms", count)
	}
	var chain []transform
	dim := n.Dim
	for i := int32(0); i < count && d.err == nil; i++ {
		at := d.off
		t := d.transform()
		if d.err == nil && t.in != dim {
			d.corrupt(at, "transform %s takes dimension %d where %d comes in", t.name, t.in, dim)
		}
		chain, dim = append(chain, t), t.out
	}
	inner := d.index()
	if d.err == nil && (inner.Dim != dim || inner.Rows != n.Rows) {
		d.corrupt(at, "%d vectors are transformed to dimension %d, but %s in it holds %d of dimension %d", n.Rows, dim, inner.Kind, inner.Rows, inner.Dim)
	}
	if d.err != nil {
		return nil
	}
	out := over(n, "PreTransform", inner)
	out.Dim = n.Dim
	out.losses = slices.Clip(out.losses)
	width := inner.Dim
	for _, t := range chain {
		if t.lost != "" && (out.unread == nil || !out.unread.lost) {
			out.unread = &unread{lost: true, why: "its vectors went through " + t.lost + ", " + cantUndo}
		}
		width = max(width, t.in)
		out.Normalized = out.Normalized || t.normalizes
		if t.loss != "" {
			out.losses = append(out.losses, t.loss)
		}
	}
	if out.unread != nil {
		out.rows = nil
	} else if len(chain) > 0 {
		out.rows = &transformed{table: inner.rows, chain: chain, dim: n.Dim, inner: inner.Dim, width: width}
	}
	return out
}

// transformed undoes a chain of transforms on the rows of a table.
type transformed struct {
	table
	chain      []transform
	dim, inner int
	width      int // of the widest vector on the way
}

func (t *transformed) vectors(first int64, dst []byte) error {
	out := floatsOf(dst)
	rows := min(max(scratchBytes/(4*t.inner), 1), len(out)/t.dim)
	buf := make([]float32, rows*t.inner)
	x, y := make([]float32, t.width), make([]float32, t.width)
	for len(out) > 0 {
		k := min(rows, len(out)/t.dim)
		if err := t.table.vectors(first, floatBytes(buf[:k*t.inner])); err != nil {
			return err
		}
		for i := range k {
			t.undo(out[i*t.dim:(i+1)*t.dim], buf[i*t.inner:(i+1)*t.inner], x, y)
		}
		first, out = first+int64(k), out[k*t.dim:]
	}
	return nil
}

// undo fills dst from v; x and y are room for what comes in between.
func (t *transformed) undo(dst, v, x, y []float32) {
	for i, step := range slices.Backward(t.chain) {
		to := x[:step.in]
		if i == 0 {
			to = dst
		}
		step.undo(to, v)
		v, x, y = to, y, x
	}
}

// transform reads a VectorTransform.
func (d *decoder) transform() transform {
	at := d.off
	kind := string(d.next(4, "the kind of a transform"))
	switch kind {
	case "rrot":
		return d.linear("random rotation", 0)
	case "LTra":
		return d.linear("linear transform (OPQ)", 0)
	case "Pcam", "PcAm", "PCAm":
		return d.pca(kind)
	case "VNrm":
		return d.normalization()
	case "VCnt":
		return d.centering()
	case "RmDT":
		return d.remap()
	case "Viqm":
		d.skip(2*4, "the ITQ's parameters") // max_iter, seed
		t := d.linear("ITQ", 0)
		t.lost = "ITQ"
		return t
	case "Viqt":
		return d.itq()
	case "HRot":
		d.skip(4, "the rotation's seed")
		t := transform{name: "Hadamard rotation", lost: "a Hadamard rotation"}
		d.dims(&t)
		return t
	}
	d.corrupt(at, "%q is not a kind of transform", kind)
	return transform{}
}

// itq reads ITQTransform, which is made of others.
func (d *decoder) itq() transform {
	d.vector(4, "the mean")
	d.bool("do_pca")
	for range 2 {
		at := d.off
		if kind := string(d.next(4, "the kind of a transform")); d.err == nil && (kind == "Viqt" || kind == "HRot") {
			d.corrupt(at, "%q in an ITQ transform", kind)
		}
		if d.err == nil {
			d.off = at
			d.transform()
		}
	}
	t := transform{name: "ITQ", lost: "ITQ"}
	d.dims(&t)
	return t
}

// cantUndo is why an index is refused. Faiss, though it may say otherwise, knows no better: read from a file, it
// takes every matrix for orthonormal, and what it then reconstructs are not the vectors that went in.
const cantUndo = "which can't be undone, so this file can't give back the vectors that were put into it; use what it " +
	"was made from"

// dims reads what every transform ends with.
func (d *decoder) dims(t *transform) {
	at := d.off
	t.in, t.out = int(d.int32("d_in")), int(d.int32("d_out"))
	d.bool("is_trained")
	if d.err == nil && (t.in < 1 || t.in > maxDim || t.out < 1 || t.out > maxDim) {
		d.corrupt(at, "a transform from dimension %d to %d", t.in, t.out)
	}
}

// pca reads PCAMatrix: a linear transform with what it was computed from.
func (d *decoder) pca(kind string) transform {
	power := d.float("eigen_power")
	if kind == "Pcam" {
		d.skip(4, "epsilon")
	}
	d.bool("random_rotation")
	if kind != "PCAm" {
		d.skip(4, "balanced_bins")
	}
	d.vector(4, "the PCA's mean")
	d.vector(4, "the PCA's eigenvalues")
	d.vector(4, "the PCA's matrix")
	return d.linear("PCA", power)
}

// linear reads LinearTransform, y = Ax + b. As in Faiss it can be undone if the rows of A are orthonormal; then
// x = At(y - b).
func (d *decoder) linear(name string, power float32) transform {
	at := d.off
	biased := d.bool("have_bias")
	off, count := d.vector(4, "the matrix of a transform")
	biasOff, biasCount := d.vector(4, "the bias of a transform")
	t := transform{name: name}
	d.dims(&t)
	switch {
	case d.err != nil:
		return t
	case count == 0:
		t.lost = "an untrained " + name
		return t
	case count != int64(t.in)*int64(t.out) || biased && biasCount != int64(t.out):
		d.corrupt(at, "a transform from dimension %d to %d with a matrix of %d elements and a bias of %d", t.in, t.out, count, biasCount)
		return t
	case power != 0:
		t.lost = "PCA with whitening"
		return t
	}
	m := linear{a: d.floats(off, count, "the matrix of a transform"), in: t.in, out: t.out}
	if biased {
		m.b = d.floats(biasOff, biasCount, "the bias of a transform")
	}
	if d.err != nil {
		return t
	}
	if t.out > t.in || !m.orthonormal() {
		t.lost = "a " + name + " that is not a rotation"
		return t
	}
	t.undo = m.undo
	t.loss = name + " is undone to within rounding"
	if t.out < t.in {
		t.loss = fmt.Sprintf("%s reduced dimension %d to %d", name, t.in, t.out)
	}
	return t
}

type linear struct {
	a, b    []float32 // a: out rows of in elements
	in, out int
}

// undo adds rows of the matrix, four at a time, which halves the time.
func (m *linear) undo(x, y []float32) {
	clear(x)
	at := func(o int) float32 {
		if m.b != nil {
			return y[o] - m.b[o]
		}
		return y[o]
	}
	row := func(o int) []float32 { return m.a[o*m.in:][:len(x)] }
	o := 0
	for ; o+4 <= m.out; o += 4 {
		y0, y1, y2, y3 := at(o), at(o+1), at(o+2), at(o+3)
		r0, r1, r2, r3 := row(o), row(o+1), row(o+2), row(o+3)
		for i := range x {
			x[i] += y0*r0[i] + y1*r1[i] + (y2*r2[i] + y3*r3[i])
		}
	}
	for ; o < m.out; o++ {
		y0, r0 := at(o), row(o)
		for i := range x {
			x[i] += y0 * r0[i]
		}
	}
}

// orthonormal reports whether the rows of the matrix are, by trying some vectors of ones of random sign: A(At v) must
// be v. That costs little where multiplying the matrix by itself would take seconds.
func (m *linear) orthonormal() bool {
	const tries, tolerance = 4, 1e-3
	rng := rand.New(rand.NewPCG(1, 2))
	plain := linear{a: m.a, in: m.in, out: m.out}
	v, x := make([]float32, m.out), make([]float32, m.in)
	for range tries {
		for i := range v {
			v[i] = float32(rng.IntN(2)*2 - 1)
		}
		plain.undo(x, v)
		for o, want := range v {
			var got float64
			for i, a := range m.a[o*m.in : (o+1)*m.in] {
				got += float64(a) * float64(x[i])
			}
			if !(math.Abs(got-float64(want)) <= tolerance) {
				return false
			}
		}
	}
	return true
}

// normalization reads NormalizationTransform. Lengths are lost; Faiss leaves the vectors as they are.
func (d *decoder) normalization() transform {
	at := d.off
	t := transform{name: "normalization", normalizes: true, loss: "vectors were scaled to length 1"}
	d.float("norm")
	d.dims(&t)
	if d.err == nil && t.in != t.out {
		d.corrupt(at, "a normalization from dimension %d to %d", t.in, t.out)
	}
	t.undo = func(x, y []float32) { copy(x, y) }
	return t
}

// centering reads CenteringTransform, y = x - mean.
func (d *decoder) centering() transform {
	at := d.off
	t := transform{name: "centering", loss: "centering is undone to within rounding"}
	off, count := d.vector(4, "the mean")
	d.dims(&t)
	if d.err == nil && (t.in != t.out || count != int64(t.in)) {
		d.corrupt(at, "a centering from dimension %d to %d with a mean of %d elements", t.in, t.out, count)
	}
	mean := d.floats(off, count, "the mean")
	t.undo = func(x, y []float32) {
		for i := range x {
			x[i] = y[i] + mean[i]
		}
	}
	return t
}

// remap reads RemapDimensionsTransform, y[i] = x[map[i]], or 0 where map[i] is -1.
func (d *decoder) remap() transform {
	at := d.off
	t := transform{name: "remapping"}
	off, count := d.vector(4, "the map of dimensions")
	d.dims(&t)
	if d.err == nil && count != int64(t.out) {
		d.corrupt(at, "a remapping from dimension %d to %d with a map of %d elements", t.in, t.out, count)
	}
	if d.err != nil {
		return t
	}
	places := load[int32](d, off, count, "the map of dimensions")
	kept := map[int32]bool{}
	for _, p := range places {
		switch {
		case p < -1 || int(p) >= t.in:
			d.corrupt(at, "a remapping from dimension %d takes element %d", t.in, p)
		case p >= 0:
			kept[p] = true
		}
	}
	if len(kept) < t.in {
		t.loss = fmt.Sprintf("a remapping kept %d of %d dimensions", len(kept), t.in)
	}
	t.undo = func(x, y []float32) {
		clear(x)
		for i, p := range places {
			if p >= 0 {
				x[p] = y[i]
			}
		}
	}
	return t
}
