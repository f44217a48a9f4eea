"""The console: pages rendered here, kept fresh by the event stream; its texts are in `locale/`, in both languages."""
