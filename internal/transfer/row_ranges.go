package transfer

import "milvusdm/internal/rows"

// RowRanges cuts rows [0, sum of inputs) into ranges of about size rows that do not cross from one input to the next.
func RowRanges(inputs []Input, size int64) []rows.Range {
	var out []rows.Range
	var start int64
	for _, in := range inputs {
		// parts of even size: no tiny last one
		parts := max((in.Rows+size/2)/size, 1)
		for i := range parts {
			from, to := start+in.Rows*i/parts, start+in.Rows*(i+1)/parts
			if to > from {
				out = append(out, rows.Range{ID: len(out), Rows: to - from, From: rows.Row(from), To: rows.Row(to)})
			}
		}
		start += in.Rows
	}
	return out
}
