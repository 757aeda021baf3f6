package transfer

// Warning begins a note that must not be missed. Programs show it as one.
const Warning = "WARNING: "

// Slowed begins what is said of a wait that a limit of a job asks for: rows go on.
const Slowed = "slowed down"
