package transfer

import "context"

type reportKey struct{}

// Reporting gives ctx someone to tell, from any goroutine, how far a long call is: what it waits for, as long as
// there is a sign that work goes on.
func Reporting(ctx context.Context, report func(string)) context.Context {
	return context.WithValue(ctx, reportKey{}, report)
}

// Reporter returns what Reporting gave to ctx, or a function that tells nobody.
func Reporter(ctx context.Context) func(string) {
	if report, ok := ctx.Value(reportKey{}).(func(string)); ok {
		return report
	}
	return func(string) {}
}
