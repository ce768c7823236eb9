"""The bridge to Asterisk: AMI, FastAGI, dialplan and configuration files; Asterisk's own words stop here."""
