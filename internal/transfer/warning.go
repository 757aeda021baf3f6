package transfer

// Warning begins a note that must not be missed. Programs show it as one.
const Warning = "WARNING: "
