package workflows

import "go.temporal.io/sdk/workflow"

// Register makes all workflows known by their names to a worker, or to what replays histories.
func Register(r interface {
	RegisterWorkflowWithOptions(any, workflow.RegisterOptions)
}) {
	for name, f := range map[string]any{
		HDF5ToMilvusName:   HDF5ToMilvus,
		FaissToMilvusName:  FaissToMilvus,
		MilvusToMilvusName: MilvusToMilvus,
		MilvusToHDF5Name:   MilvusToHDF5,
		CopyCollectionName: CopyCollection,
		PlanJobName:        PlanJob,
		VerifyName:         Verify,
		PruneExportsName:   PruneExports,
		ShareSourceName:    ShareSource,
		CleanJobName:       CleanJob,
	} {
		r.RegisterWorkflowWithOptions(f, workflow.RegisterOptions{Name: name})
	}
}
