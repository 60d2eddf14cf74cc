package session

import (
	"flag"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// withoutFlag leaves things out, to see their tests fail (make features).
var withoutFlag = flag.String("without", "", "what sessions and runs leave out, separated by commas")

// untilFlag bounds how long a test waits for what must come.
var untilFlag = flag.Duration("until", 20*time.Second, "how long a test waits for what must come")

// LeftOut is what the sessions and runs of tests leave out: nothing, unless it is asked for.
func LeftOut() (w Without) {
	for name := range strings.SplitSeq(*withoutFlag, ",") {
		w.Set(name)
	}
	return w
}

// Patience is how long a test waits for what must come.
func Patience() time.Duration { return *untilFlag }

// TestWithoutNames: each name is another field's, and there is one for each.
func TestWithoutNames(t *testing.T) {
	var seen []Without
	for _, name := range WithoutNames() {
		var w Without
		if !w.Set(name) || w == (Without{}) || slices.Contains(seen, w) {
			t.Errorf("%s: %+v", name, w)
		}
		seen = append(seen, w)
	}
	if n := reflect.TypeFor[Without]().NumField(); len(seen) != n {
		t.Errorf("%d names for %d fields", len(seen), n)
	}
	if new(Without).Set("nothing") {
		t.Error("a name that stands for nothing is taken")
	}
}
