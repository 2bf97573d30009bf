"""What the plugin costs a run of pytest, beside pytest alone and beside other reporters."""
