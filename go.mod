module bpfls

go 1.26
