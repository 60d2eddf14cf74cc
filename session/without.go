package session

import (
	"maps"
	"slices"
)

// Without says what a session, or a run, leaves out of what it does else. Most of it is
// for people who want less. Without the last two what is shown may be out of date and not
// look so: they are for tests, and for callers who see to it themselves.
type Without struct {
	// Moves: findings in a text that was edited since stay where they were found, marked as
	// out of date.
	Moves bool
	// UnsavedText: it is never verified; verifyOn = "change" is as "save".
	UnsavedText bool
	// SettingsFiles: no bpfls.toml is read.
	SettingsFiles bool
	// ProjectFlags: no flags are taken from where the project has them.
	ProjectFlags bool
	// Link: a source is verified by itself, and nobody looks for what others define.
	Link bool
	// Overlap: one file is judged at a time.
	Overlap bool
	// KnownResults: every program of a source is analysed whenever the source is judged.
	KnownResults bool
	// DiskReports: none are kept for later processes, and none of earlier ones are used.
	DiskReports bool
	// Retries: a run that failed for a passing reason, or was cancelled, is not made again
	// before something changes.
	Retries bool
	// Superseding: a run goes on to its end when there is a newer text. What it finds then is
	// not shown, as ever.
	Superseding bool

	// Watching: changes of files on disk are not noticed before a save.
	Watching bool
	// Polling: they are not where the system does not tell them.
	Polling bool
}

// fields are the fields of a Without by the names that users know.
func (w *Without) fields() map[string]*bool {
	return map[string]*bool{
		"moves": &w.Moves, "unsavedText": &w.UnsavedText, "settingsFiles": &w.SettingsFiles, "projectFlags": &w.ProjectFlags,
		"link": &w.Link, "overlap": &w.Overlap, "knownResults": &w.KnownResults, "diskReports": &w.DiskReports,
		"retries": &w.Retries, "superseding": &w.Superseding, "watching": &w.Watching, "polling": &w.Polling,
	}
}

// Set has what a name stands for left out, and reports whether it stands for anything.
func (w *Without) Set(name string) bool {
	field, ok := w.fields()[name]
	if ok {
		*field = true
	}
	return ok
}

// WithoutNames lists the names that Without.Set knows.
func WithoutNames() []string { return slices.Sorted(maps.Keys(new(Without).fields())) }
