package faiss

// Metric is Faiss's number of a metric type (faiss/MetricType.h).
type Metric int32

const (
	MetricIP Metric = 0
	MetricL2 Metric = 1
)

var metricNames = map[Metric]string{
	MetricIP: "inner product", MetricL2: "L2", 2: "L1", 3: "Linf", 4: "Lp", 20: "Canberra", 21: "Bray-Curtis",
	22: "Jensen-Shannon", 23: "Jaccard", 24: "NaN-Euclidean", 25: "Gower",
}

func (m Metric) known() bool    { return metricNames[m] != "" }
func (m Metric) String() string { return metricNames[m] }

// Milvus returns the name of the metric type in Milvus, or "" where it has none for float vectors.
func (m Metric) Milvus() string {
	switch m {
	case MetricIP:
		return "IP"
	case MetricL2:
		return "L2"
	}
	return ""
}
