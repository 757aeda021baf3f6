package cli

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
	"go.temporal.io/sdk/temporal"

	"milvusdm/internal/version"
)

func (a *app) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:               "version",
		Short:             "Print the version of this program",
		Args:              none,
		ValidArgsFunction: cobra.NoFileCompletions,
		RunE: func(*cobra.Command, []string) error {
			v := struct {
				Version     string `json:"version"`
				Go          string `json:"go"`
				TemporalSDK string `json:"temporalSDK"`
			}{version.Version, runtime.Version(), temporal.SDKVersion}
			return a.print(v, func() string {
				return fmt.Sprintf("milvusdm %s, %s, Temporal SDK %s\n", v.Version, v.Go, v.TemporalSDK)
			})
		},
	}
}
