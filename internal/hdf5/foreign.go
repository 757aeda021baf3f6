package hdf5

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"

	"milvusdm/internal/fault"
)

// foreign are the beginnings of files of other formats, and what to do with them.
var foreign = []struct{ begins, is string }{
	{"\x93NUMPY", "it is a NumPy array (.npy)" + writeIt("numpy.load(FILE)")},
	{"\x1f\x8b", "it is compressed with gzip; unpack it first"},
	{"\x28\xb5\x2f\xfd", "it is compressed with Zstandard; unpack it first"},
	{"BZh", "it is compressed with bzip2; unpack it first"},
	{"\xfd7zXZ", "it is compressed with xz; unpack it first"},
	{"7z\xbc\xaf\x27\x1c", "it is a 7z archive; unpack it first"},
	{"PAR1", "it is a Parquet file" + writeIt("numpy.stack(pandas.read_parquet(FILE)[COLUMN])")},
	{"ARROW1", "it is an Arrow (Feather) file" + writeIt("numpy.stack(pandas.read_feather(FILE)[COLUMN])")},
	{"\xff\xff\xff\xff",
		"it may be a stream of Arrow's" + writeIt("numpy.stack(pyarrow.ipc.open_stream(FILE).read_pandas()[COLUMN])")},
	{"Obj\x01", "it is an Avro file" + writeIt("the vectors in it")},
	{"ORC", "it is an ORC file" + writeIt("numpy.stack(pandas.read_orc(FILE)[COLUMN])")},
	{"SQLite format 3\x00", "it is an SQLite database" + writeIt("the vectors in it")},
	{"CDF\x01", "it is a netCDF-3 file; write it as netCDF-4 (xarray: to_netcdf(format=\"NETCDF4\"))"},
	{"CDF\x02", "it is a netCDF-3 file; write it as netCDF-4 (xarray: to_netcdf(format=\"NETCDF4\"))"},
	{"CDF\x05", "it is a netCDF-3 file; write it as netCDF-4 (xarray: to_netcdf(format=\"NETCDF4\"))"},
	{"\x0e\x03\x13\x01", "it is an HDF4 file; convert it with h4toh5"},
	{"MATLAB 5.0 MAT-file", "it is a MAT-file of version 5; save it with -v7.3, which is HDF5"},
	{"version https://git-lfs", "it is a Git LFS pointer; run `git lfs pull`"},
	{"\x80\x02\x8a\nl\xfcF", "it is a PyTorch file of the old format" + writeIt("torch.load(FILE).numpy()")},
	{"\x80\x02", pickle}, {"\x80\x03", pickle}, {"\x80\x04", pickle}, {"\x80\x05", pickle},
	{"GGUF", "it is a GGUF model, which holds no collection"},
	{"Ix", faissIndex}, {"Iw", faissIndex}, {"IH", faissIndex}, {"IB", faissIndex},
	{"<", "it looks like HTML or XML: perhaps an error page that was downloaded"},
}

const (
	faissIndex = "it may be a Faiss index; make it the source of a job for Faiss files"
	pickle     = "it is a Python pickle, which this program does not run. If it holds vectors, load it in Python and " +
		"write them with h5py; " +
		"if it holds a Faiss index, write that with faiss.write_index and make it the source of a job for Faiss files"
)

func writeIt(how string) string {
	return "; write its vectors with h5py: h5py.File(\"vectors.h5\", \"w\")[\"embeddings\"] = " + how
}

// looksLike guesses what a file is instead, from its beginning. Of a sound file of another format, the kind is
// Unsupported.
func looksLike(header []byte) (fault.Kind, string) {
	if len(bytes.Trim(header, "\x00")) == 0 {
		return fault.Corrupt, "it begins with nothing but zeros, as after an interrupted copy"
	}
	if bytes.HasPrefix(header, []byte("PK\x03\x04")) {
		return fault.Unsupported, archive(header)
	}
	for _, k := range foreign {
		if bytes.HasPrefix(header, []byte(k.begins)) {
			return fault.Unsupported, k.is
		}
	}
	if what := lookLikeText(header); what != "" {
		return fault.Unsupported, what
	}
	if len(header) > 9 && header[8] == '{' && bytes.IndexByte(header[:8], 0) > 0 {
		return fault.Unsupported, "it is a safetensors file" + writeIt("safetensors.numpy.load_file(FILE)[NAME]")
	}
	return fault.Corrupt, fmt.Sprintf("it begins with %q", header[:min(len(header), 8)])
}

// archive says what a ZIP archive is, by the name of its first file.
func archive(header []byte) string {
	const fixed = 30
	name := ""
	if len(header) > fixed {
		n := int(header[26]) | int(header[27])<<8
		name = string(header[fixed:min(fixed+n, len(header))])
	}
	switch {
	case strings.HasSuffix(name, ".npy"):
		return "it is a NumPy archive (.npz)" + writeIt("numpy.load(FILE)[NAME]")
	case strings.HasSuffix(name, "data.pkl"):
		return "it is a PyTorch file" + writeIt("torch.load(FILE).numpy()")
	case name == "[Content_Types].xml":
		return "it is an Excel or another Office file" + writeIt("the numbers in it")
	}
	return "it is a ZIP archive; unpack it first"
}

var numbersLine = regexp.MustCompile(`^\s*\(?\[?\s*[-+0-9."]`)

// lookLikeText says what a text file is, or "".
func lookLikeText(header []byte) string {
	text := string(bytes.TrimPrefix(header, []byte("\xef\xbb\xbf")))
	for !utf8.ValidString(text) && len(header)-len(text) < utf8.UTFMax && len(text) > 0 {
		text = text[:len(text)-1] // cut in the middle of a character
	}
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool {
		return r < ' ' && r != '\n' && r != '\r' && r != '\t'
	}) {
		return ""
	}
	if strings.TrimSpace(text) == "" {
		return ""
	}
	line, _, _ := strings.Cut(text, "\n")
	switch first := strings.TrimSpace(text); {
	case strings.HasPrefix(first, "{") || strings.HasPrefix(first, "["):
		return "it is JSON text" + writeIt("numpy.array(json.load(open(FILE)), \"f4\")")
	case strings.ContainsAny(line, ",;\t"):
		return "it is text, as CSV" + writeIt("pandas.read_csv(FILE)[COLUMNS].to_numpy(\"f4\")")
	case numbersLine.MatchString(line):
		return "it is text with numbers" + writeIt("numpy.loadtxt(FILE, dtype=\"f4\")")
	}
	return fmt.Sprintf("it is text: %.40q", line)
}
