package hdf5

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"

	"gonum.org/v1/hdf5"

	"milvusdm/internal/fault"
)

// Programs that write HDF5 leave marks on files and datasets, which say how a dataset is meant.

// isMATLAB looks for MATLAB's mark, which is text before the file's HDF5 part.
func isMATLAB(r io.ReaderAt) bool {
	const mark = "MATLAB 7.3 MAT-file"
	var at [len(mark)]byte
	_, err := r.ReadAt(at[:], 0)
	return err == nil && string(at[:]) == mark
}

const (
	matlabClass = "MATLAB_class"
	// netCDFNoVariable begins the NAME of a dimension that netCDF declares and never writes.
	netCDFNoVariable = "This is a netCDF dimension but not a netCDF variable"
)

// readMarks fills in what a dataset's attributes say of it.
func (f *file) readMarks(open *hdf5.Dataset, d *dataset) error {
	class, err := f.textAttribute(open.Identifier, matlabClass)
	if err != nil {
		return err
	}
	if class != "" || f.matlab {
		return f.readMATLAB(open, d, class)
	}
	kind, err := f.textAttribute(open.Identifier, "CLASS")
	if err != nil || kind != "DIMENSION_SCALE" {
		return f.readPacked(open, d, err)
	}
	name, err := f.textAttribute(open.Identifier, "NAME")
	if strings.HasPrefix(name, netCDFNoVariable) {
		d.left = "a dimension of netCDF, which has no values"
	}
	return f.readPacked(open, d, err)
}

// readPacked finds out numbers that stand for others, as netCDF packs them.
func (f *file) readPacked(open *hdf5.Dataset, d *dataset, err error) error {
	for _, name := range []string{"scale_factor", "add_offset"} {
		if hasAttribute(open.Identifier, name) && (d.elem.isInt() || d.elem.isFloat()) {
			d.left = "packed numbers (attribute " + name + "), which stand for others; unpack them first (xarray: " +
				"open_dataset, then to_netcdf without that encoding)"
		}
	}
	return err
}

// readMATLAB: MATLAB stores by column, so a matrix of N rows of dim is dim x N in the file. A list, of one row or one
// column there, is one value for each row here.
func (f *file) readMATLAB(open *hdf5.Dataset, d *dataset, class string) error {
	d.matlab = true
	switch {
	case hasAttribute(open.Identifier, "MATLAB_empty"):
		d.left = "an empty array of MATLAB"
	case class == "char":
		d.left = "text of MATLAB, which is a matrix of characters"
	case class == "cell" || class == "struct" || class == "function_handle":
		d.left = "a " + class + " of MATLAB"
	case class == "logical" && d.elem.size == 1:
		d.elem.class = classBool
	}
	if len(d.dims) == 2 && d.left == "" {
		d.turned = d.dims[1] > 1
	}
	return nil
}

// unfit says why a dataset is no column of rows, "" if it is one as far as its type and shape tell.
func (d *dataset) unfit() string {
	switch {
	case d.left != "":
		return d.left
	case d.virtual || d.external:
		return "" // which is refused elsewhere
	case len(d.dims) == 0:
		return "a single value"
	case len(d.dims) > 2:
		return fmt.Sprintf("of %d dimensions", len(d.dims))
	case d.elem.class == classOther:
		return "of a type that is not read: " + d.elem.name
	}
	return ""
}

// isNewer reports whether the library met a version of the file format that it does not know.
func isNewer(err error) bool {
	if err == nil {
		return false
	}
	text := err.Error()
	return strings.Contains(text, "HDF5 library:") && slices.ContainsFunc([]string{
		"bad version number", "unknown version", "bad superblock version", "bad object header version",
		"wrong version number",
	}, func(s string) bool { return strings.Contains(text, s) })
}

func (f *file) newer(what string, err error) error { return newerFormat(f.name, what, err) }

// newerFormat is the error of a file that a newer library wrote.
func newerFormat(file, what string, err error) error {
	text := err.Error()
	if at := strings.LastIndex(text, ": "); at >= 0 {
		text = text[at+2:]
	}
	return fault.New(fault.Unsupported,
		"%s: %s: was written in a newer format than HDF5 %s knows, which reads it here (%s): write the file "+
			"without libver=\"latest\" (h5py's default is read), or update the worker's HDF5 library", file, what,
		libraryVersion(), text)
}

// isText reports whether bytes that were to be vectors are text, as "[0.1, 0.2]".
func isText(rows []byte) bool {
	const enough = 32 // bytes that are all printable by chance once in 10^13 times
	text := bytes.TrimRight(rows, "\x00")
	printable := 0
	for _, b := range text {
		switch {
		case b == 0: // padding between rows
		case b >= ' ' && b < 0x7f, b == '\n', b == '\t', b == '\r':
			printable++
		default:
			return false
		}
	}
	return printable >= enough
}
