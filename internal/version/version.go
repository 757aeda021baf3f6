// Package version says which build this is.
package version

// Version is set by the build, to what git describe says.
var Version = "dev"
